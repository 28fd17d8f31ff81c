/**
 * What came of one attempt:
 * `delivered` a 2xx; `rejected` any other status; `unreachable` provably nothing was sent; `unknown` bytes may have left and no answer
 * came; `blocked` the target guard refused the address.
 */
export type OutcomeKind = 'delivered' | 'rejected' | 'unreachable' | 'unknown' | 'blocked';

/** At most this many bytes of a response's body are kept with the attempt. */
export const responseBytesKept = 1024;

/** One call on the wire, or one that failed on its way there. */
export interface Attempt {
  /** 1 for the timer's first, counted over the whole life of the timer. */
  readonly number: number;
  readonly outcome: OutcomeKind;
  /** When the call was handed to the network, store's clock, milliseconds since the epoch. Null where a dead controller took the knowledge with it. */
  readonly startedAt: number | null;
  /** From then to the end of the exchange, in milliseconds; null as above. */
  readonly durationMs: number | null;
  /** The HTTP status, where one came. */
  readonly status: number | null;
  /** In plain words, what went wrong; null for `delivered`. */
  readonly error: string | null;
  /** The start of the response's body as text, at most `responseBytesKept` bytes; null where none came. */
  readonly response: string | null;
}

/** At most this many attempts are kept with a timer, the newest; `attemptsMade` counts them all. */
export const attemptsKept = 50;
