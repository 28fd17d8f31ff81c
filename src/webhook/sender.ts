import type { Destination } from '../timer/destination.ts';
import type { Attempt } from '../timer/outcome.ts';
import type { Timer } from '../timer/timer.ts';

/** One call that is due. */
export interface Call {
  readonly timer: Timer;
  readonly destination: Destination;
  /** The attempt's number, from 1. */
  readonly number: number;
  /** Asked in the moment before the first byte, when the connection stands: is it due, and is the lease still good? Setting up a connection takes time. */
  readonly mayLeave: () => boolean;
}

/** What came of one call on the wire. */
export interface Sent {
  readonly attempt: Attempt;
  /** What the receiver asked for by Retry-After (RFC 9110, section 10.2.3) with a 429 or 503, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Present when `mayLeave` refused: nothing was sent, and it counts as no attempt. */
  readonly withheld?: true;
}

/** Puts one call on the wire. Never throws: what goes wrong is an outcome. */
export interface Sender {
  send(call: Call): Promise<Sent>;
  /** Breaks off what is on the wire: its outcome is then `unknown`. */
  cutOff(): void;
  /** Closes idle connections. What is on the wire is finished first. */
  close(): Promise<void>;
}

/** Why a call was not sent now. */
export type Postponement = 'lane_full' | 'breaker_open' | 'slowed_down' | 'stopping';

/**
 * What became of a call that was handed to its destination's lane:
 * `sent` it was on the wire; `postponed` it was not, and shall be tried again at `untilAt` (on the monotonic clock: a
 * destination is called for several databases, whose clocks differ); `dropped` its permit was refused, or its leave in
 * the last moment.
 */
export type Dispatched =
  | ({ readonly kind: 'sent' } & Sent)
  | {
      readonly kind: 'postponed';
      readonly untilAt: number;
      readonly because: Postponement;
    }
  | { readonly kind: 'dropped' };

/** Sends calls, each destination in a lane of its own, so that none waits for another's receiver. */
export interface Dispatcher {
  /**
   * Queues a call. When it has its turn `permit` is asked (is the lease still good, is the call marked as begun?); the call is sent only on
   * true, and at once or as soon as there is a place on the wire. Never throws.
   */
  dispatch(call: Call, permit: () => boolean | Promise<boolean>): Promise<Dispatched>;
  /** How many calls wait for their turn, in all lanes together. */
  readonly queued: number;
  /** Says how many controllers there are: the rate of each destination is split between them. */
  shareRates(controllers: number): void;
  /** Postpones what is queued; what is on the wire goes on. */
  stop(): void;
  /** Stops, and breaks off what is on the wire: its outcome is then `unknown`. */
  cutOff(): void;
}
