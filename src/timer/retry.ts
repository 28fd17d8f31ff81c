import type { Random } from './random.ts';

/** How often and how soon an attempt that failed is repeated. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** The longest pause after the first failed attempt, in milliseconds. */
  readonly initialMs: number;
  /** No pause is longer than this, in milliseconds, not even the first; Retry-After excepted. */
  readonly maxMs: number;
  /** Each pause may be this many times as long as the one before. */
  readonly factor: number;
}

/** 8 attempts, pauses of up to 1 s, 5 s, 25 s, … one hour. */
export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 8, initialMs: 1_000, maxMs: 3_600_000, factor: 5 };

/** A receiver that asks for more than this by Retry-After is asked again after this, in milliseconds. */
export const retryAfterMsMax = 24 * 3_600_000;

/**
 * The pause in milliseconds after the `failures`-th failure in a row (from 1), by full jitter: anything from 0 to the exponential
 * bound, which spreads a herd better than a bound with some noise on it ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * A receiver's `Retry-After` is a floor.
 */
export function backoffMs(policy: RetryPolicy, failures: number, random: Random, retryAfterMs = 0): number {
  // A power beyond all numbers would be Infinity, and NaN times an `initialMs` of 0.
  const growth = Math.min(policy.factor ** (failures - 1), Number.MAX_VALUE);
  const bound = Math.min(policy.maxMs, policy.initialMs * growth);
  return Math.max(Math.ceil(random.fraction() * bound), Math.min(retryAfterMs, retryAfterMsMax));
}
