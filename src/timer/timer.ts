import type { TimerId } from './id.ts';
import type { Attempt } from './outcome.ts';
import type { RetryPolicy } from './retry.ts';

/** The states that a client sees. */
export type Status = 'waiting' | 'executing' | EndedStatus;

/** The states of a timer that will not be sent again by itself. */
export type EndedStatus = 'done' | 'failed' | 'cancelled' | 'uncertain';

export const statuses: readonly Status[] = ['waiting', 'executing', 'done', 'failed', 'cancelled', 'uncertain'];

/** What to do when it cannot be known whether the receiver got a call: send again, or never send again and say so. */
export type Delivery = 'at-least-once' | 'at-most-once';

export const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const;
export type Method = (typeof methods)[number];

/** What will be sent, and how: everything that the client chose but the due time. */
export interface Spec {
  /** As the URL standard writes it (`URL.href`), without credentials or fragment. */
  readonly url: string;
  readonly method: Method;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The text that is sent, UTF-8; null for none. */
  readonly body: string | null;
  /** Whether `/{id}` is appended to the URL's path. */
  readonly appendId: boolean;
  readonly delivery: Delivery;
  readonly retry: RetryPolicy;
  /** A deadline for the whole exchange. */
  readonly timeoutMs: number;
  readonly tags: readonly string[];
}

/** A controller's hold on a timer. */
export interface Lease {
  /** The controller that holds it. */
  readonly owner: string;
  /** When it runs out, store's clock. */
  readonly until: number;
}

/** How and when a timer ended. */
export interface Ended {
  readonly status: EndedStatus;
  readonly at: number;
}

/** A timer in full. Immutable: a transition makes a new one. */
export interface Timer {
  readonly id: TimerId;
  /** Whose it is; `default` until there are keys. */
  readonly tenant: string;
  /** The idempotency key that it was created with. */
  readonly key: string | null;
  readonly spec: Spec;
  /** When the client wants the call. */
  readonly dueAt: number;
  /** When the next attempt is to be made, if that is not `dueAt`: after a failed attempt. */
  readonly retryAt: number | null;
  /** The newest attempts, oldest first; at most `attemptsKept`. */
  readonly attempts: readonly Attempt[];
  /** How many attempts there were in all. */
  readonly attemptsMade: number;
  /** At this many attempts the timer fails. A retry by hand and a dead controller's attempt raise it. */
  readonly attemptsMax: number;
  /** Goes up with every claim and every change: the number that compare-and-set compares. */
  readonly claim: number;
  readonly lease: Lease | null;
  /** The claim under which an `at-most-once` attempt was marked as about to be sent; null when none is open. */
  readonly begunClaim: number | null;
  readonly ended: Ended | null;
}

/** A timer that is about to be stored for the first time. */
export interface NewTimer {
  readonly id: TimerId;
  readonly tenant: string;
  readonly spec: Spec;
  readonly dueAt: number;
  /** Present when the client sent an idempotency key. */
  readonly idempotency: Idempotency | null;
}

export interface Idempotency {
  readonly key: string;
  /** SHA-256 of the request in canonical form, in hex: tells a repetition from another request under the same key. */
  readonly fingerprint: string;
}

/** A timer as it is once it is stored: nobody holds it, nothing has been tried. */
export function freshTimer({ idempotency, ...timer }: NewTimer): Timer {
  return {
    ...timer,
    key: idempotency?.key ?? null,
    retryAt: null,
    attempts: [],
    attemptsMade: 0,
    attemptsMax: timer.spec.retry.maxAttempts,
    claim: 0,
    lease: null,
    begunClaim: null,
    ended: null,
  };
}

/** When the next attempt is to be made. */
export function attemptAt(timer: Pick<Timer, 'dueAt' | 'retryAt'>): number {
  return timer.retryAt ?? timer.dueAt;
}

/** The state that a client sees at `nowMs`: a timer claimed ahead of its time is still waiting. */
export function statusAt(timer: Pick<Timer, 'dueAt' | 'retryAt' | 'lease' | 'ended'>, nowMs: number): Status {
  if (timer.ended) return timer.ended.status;
  return timer.lease && attemptAt(timer) <= nowMs ? 'executing' : 'waiting';
}

/**
 * How late the first attempt was, in milliseconds; null before it, or where its time is not known. Attempts before `dueAt` were made
 * for a due time that the timer had before it was rescheduled: they do not count.
 */
export function latenessMs(timer: Timer): number | null {
  const first = timer.attempts.find(({ startedAt }) => startedAt === null || startedAt >= timer.dueAt);
  if (!first || first.startedAt === null) return null;
  // The oldest attempt that is kept may have had others for the same due time before it.
  const forgotten = first === timer.attempts[0] && first.number !== 1;
  return forgotten ? null : first.startedAt - timer.dueAt;
}
