import type { ErrorCode } from './errors.ts';
import { type Attempt, attemptsKept } from './outcome.ts';
import type { Random } from './random.ts';
import { backoffMs } from './retry.ts';
import { attemptAt, type Ended, type EndedStatus, type Spec, type Timer } from './timer.ts';

/**
 * What an attempt (or the loss of one) makes of a timer; the store writes it under the lease that the attempt was made with.
 * Ended, or waiting again for `retryAt`.
 */
export interface Settlement {
  readonly attempts: readonly Attempt[];
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly next: { readonly retryAt: number } | { readonly ended: Ended };
}

/** The answer to a client that wants a timer changed: the timer as it shall be, or why not. */
export type Verdict = { readonly after: Timer } | { readonly refused: ErrorCode; readonly because: string };

/** The state machine's main arrow (design, section 4): what this attempt's outcome means for the timer. `nowMs` is the store's time. */
export function settle(
  timer: Timer,
  attempt: Attempt,
  context: { nowMs: number; random: Random; retryAfterMs?: number },
): Settlement {
  const counted = withAttempt(timer, attempt);
  const ended = endOf(timer, attempt, counted.attemptsMade);
  if (ended) return { ...counted, next: { ended: { status: ended, at: Math.floor(context.nowMs) } } };
  const failures = counted.attemptsMade - (timer.attemptsMax - timer.spec.retry.maxAttempts);
  const pauseMs = backoffMs(timer.spec.retry, Math.max(1, failures), context.random, context.retryAfterMs);
  return { ...counted, next: { retryAt: Math.ceil(context.nowMs + pauseMs) } };
}

/** In which state this attempt ends the timer; undefined when it is to be sent again. */
function endOf(timer: Timer, attempt: Attempt, attemptsMade: number): EndedStatus | undefined {
  const once = timer.spec.delivery === 'at-most-once';
  if (attempt.outcome === 'delivered') return 'done';
  if (attempt.outcome === 'blocked' || attempt.status === 410) return 'failed';
  if (attempt.outcome === 'unknown' && once) return 'uncertain';
  if (attempt.outcome === 'rejected' && once) return 'failed';
  return attemptsMade >= timer.attemptsMax ? 'failed' : undefined;
}

/**
 * What to do with a timer whose lease ran out in another controller's hands. If its call was marked as begun it may have been sent: it
 * is never sent again. An `at-most-once` timer without the mark was not sent: it is as it was. Any other is sent with the lost attempt on
 * record; that one uses up none of the attempts allowed, since perhaps it was never made.
 */
export function takeOver(timer: Timer, nowMs: number): { readonly send: Timer } | { readonly settle: Settlement } {
  if (timer.begunClaim === null && timer.spec.delivery === 'at-most-once') return { send: timer };
  const lost: Attempt = {
    number: timer.attemptsMade + 1,
    outcome: 'unknown',
    startedAt: null,
    durationMs: null,
    status: null,
    error: 'the controller that held the timer stopped or was cut off; whether it had sent the call is not known',
    response: null,
  };
  const counted = withAttempt({ ...timer, attemptsMax: timer.attemptsMax + 1 }, lost);
  if (timer.begunClaim === null) return { send: { ...timer, ...counted } };
  return { settle: { ...counted, next: { ended: { status: 'uncertain', at: Math.floor(nowMs) } } } };
}

function withAttempt(timer: Timer, attempt: Attempt): Pick<Settlement, 'attempts' | 'attemptsMade' | 'attemptsMax'> {
  return {
    attempts: [...timer.attempts, attempt].slice(-attemptsKept),
    attemptsMade: timer.attemptsMade + 1,
    attemptsMax: timer.attemptsMax,
  };
}

/** Cancel: only what was never sent and is in no controller's hands. */
export function cancel(timer: Timer, nowMs: number): Verdict {
  if (timer.ended?.status === 'cancelled') return { after: timer };
  if (timer.ended) return refused('too_late', `the timer has ended: ${timer.ended.status}`);
  if (timer.lease) return refused('too_late', 'a controller holds the timer and is sending it, or will within moments');
  if (maybeSent(timer)) {
    return refused('too_late', 'the timer may have been sent already; to stop its retries, resolve it as failed');
  }
  return ended(timer, 'cancelled', nowMs);
}

/** Whether a byte of any attempt may have left; attempts that are no longer on record count as such. */
function maybeSent(timer: Timer): boolean {
  if (timer.attemptsMade > timer.attempts.length) return true;
  return timer.attempts.some(({ outcome }) => outcome !== 'unreachable' && outcome !== 'blocked');
}

/** Fire now instead of at the due time (or instead of at the next retry). One that is overdue keeps its time, and its place before others. */
export function fire(timer: Timer, nowMs: number): Verdict {
  if (timer.ended)
    return refused(
      'already_ended',
      `the timer has ended: ${timer.ended.status}; /retry sends a failed or uncertain one again`,
    );
  if (timer.lease) return refused('too_late', 'a controller holds the timer and is sending it, or will within moments');
  const at = Math.min(Math.floor(nowMs), attemptAt(timer));
  const times = timer.retryAt === null ? { dueAt: at } : { retryAt: at };
  return { after: { ...timer, ...times, claim: timer.claim + 1 } };
}

/** Send a failed or uncertain timer again, with all its attempts allowed anew. */
export function retry(timer: Timer, nowMs: number): Verdict {
  if (!timer.ended) return refused('not_ended', 'the timer has not ended; /fire sends a waiting one at once');
  if (timer.ended.status !== 'failed' && timer.ended.status !== 'uncertain') {
    return refused(
      'already_ended',
      `only a failed or uncertain timer can be retried; this one is ${timer.ended.status}`,
    );
  }
  const attemptsMax = timer.attemptsMade + timer.spec.retry.maxAttempts;
  return {
    after: { ...timer, retryAt: Math.floor(nowMs), attemptsMax, begunClaim: null, ended: null, claim: timer.claim + 1 },
  };
}

/** A person's verdict: on an uncertain timer what became of it, on a waiting one that was tried that its retries shall stop. */
export function resolve(timer: Timer, as: 'done' | 'failed', nowMs: number): Verdict {
  if (timer.ended?.status === as) return { after: timer };
  if (timer.ended && timer.ended.status !== 'uncertain') {
    return refused(
      'already_ended',
      `only an uncertain timer, or one between two attempts, can be resolved; this one is ${timer.ended.status}`,
    );
  }
  if (timer.lease) return refused('too_late', 'a controller holds the timer and is sending it, or will within moments');
  if (!timer.ended && timer.attemptsMade === 0)
    return refused('not_ended', 'the timer has not been tried yet; /cancel takes it back');
  return ended(timer, as, nowMs);
}

/** Another due time, another content, or both. */
export function reschedule(timer: Timer, change: { readonly dueAt?: number; readonly spec?: Spec }): Verdict {
  if (timer.ended) return refused('already_ended', `the timer has ended: ${timer.ended.status}`);
  if (timer.lease) return refused('too_late', 'a controller holds the timer and is sending it, or will within moments');
  const spec = change.spec ?? timer.spec;
  if (spec.delivery === 'at-most-once' && timer.spec.delivery !== 'at-most-once' && maybeSent(timer)) {
    return refused('too_late', 'the timer may have been sent already, so that delivery can no longer be at-most-once');
  }
  const attemptsMax = timer.attemptsMax - timer.spec.retry.maxAttempts + spec.retry.maxAttempts;
  const times = change.dueAt === undefined ? {} : { dueAt: change.dueAt, retryAt: null };
  return { after: { ...timer, ...times, spec, attemptsMax, claim: timer.claim + 1 } };
}

function ended(timer: Timer, status: EndedStatus, nowMs: number): Verdict {
  return { after: { ...timer, ended: { status, at: Math.floor(nowMs) }, claim: timer.claim + 1 } };
}

function refused(code: ErrorCode, because: string): Verdict {
  return { refused: code, because };
}
