import type { OutcomeKind } from '../timer/outcome.ts';
import type { Random } from '../timer/random.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** So many calls in a row without an answer open the breaker. */
const failuresMax = 5;
/** The first pause before a probe, and the longest; it doubles with every probe that fails. In milliseconds. */
const pauseMsFirst = 1_000;
const pauseMsMax = 30_000;

/**
 * Decides whether a destination's receiver is worth trying. It opens after several calls in a row without an answer; when its pause
 * is over it lets a single call through, the probe; any answer closes it. Pure: instants come in as arguments, in milliseconds.
 */
export class Breaker {
  readonly #random: Random;
  #failures = 0;
  /** Probes that failed since it opened. */
  #failedProbes = 0;
  #probeAt: number | null = null;
  #probeStartedAt: number | null = null;

  constructor(random: Random) {
    this.#random = random;
  }

  get state(): BreakerState {
    if (this.#probeAt === null) return 'closed';
    return this.#probeStartedAt === null ? 'open' : 'half-open';
  }

  /** When the next probe is let through; null unless open. */
  get opensUntil(): number | null {
    return this.state === 'open' ? this.#probeAt : null;
  }

  /** When the probe that is under way was let through; null without one. */
  get probeStartedAt(): number | null {
    return this.#probeStartedAt;
  }

  /** Whether a call may pass now: `yes`, `no`, or as the `probe`, whose fate must then be told by `record` or `probeLost`. */
  admit(now: number): 'yes' | 'no' | 'probe' {
    if (this.#probeAt === null) return 'yes';
    if (this.#probeStartedAt !== null || now < this.#probeAt) return 'no';
    this.#probeStartedAt = now;
    return 'probe';
  }

  /** Takes note of what came of a call. */
  record(outcome: OutcomeKind, call: { readonly isProbe: boolean; readonly now: number }): void {
    if (outcome === 'delivered' || outcome === 'rejected') this.#close();
    else if (outcome === 'blocked') this.#abstain(call.isProbe);
    else if (call.isProbe && this.#probeStartedAt !== null) this.#reopen(call.now);
    else this.#fail(call.now);
  }

  /** The probe was not sent after all: the next call is the probe. */
  probeLost(): void {
    this.#probeStartedAt = null;
  }

  #close(): void {
    this.#failures = 0;
    this.#failedProbes = 0;
    this.#probeAt = null;
    this.#probeStartedAt = null;
  }

  /** A call that the guard refused says nothing about the receiver. */
  #abstain(isProbe: boolean): void {
    if (isProbe) this.probeLost();
  }

  #reopen(now: number): void {
    this.#failedProbes++;
    this.#open(now);
  }

  #fail(now: number): void {
    this.#failures++;
    // Calls that were on the wire when it opened fail one after the other; that is no news.
    if (this.#probeAt === null && this.#failures >= failuresMax) this.#open(now);
  }

  /** Half of the pause is left to chance, so that many breakers that opened together do not probe together. */
  #open(now: number): void {
    const pauseMs = Math.min(pauseMsMax, pauseMsFirst * 2 ** this.#failedProbes);
    this.#probeAt = now + pauseMs * (0.5 + this.#random.fraction() / 2);
    this.#probeStartedAt = null;
  }
}
