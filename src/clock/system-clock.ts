import type { Clock } from './clock.ts';

/** What a machine has to tell the time by; a seam for tests and the simulator. */
export interface Ticks {
  /** Milliseconds since the epoch by the machine's wall clock, which may step. */
  wall(): number;
  /** Milliseconds on a clock that never steps. */
  steady(): number;
  /** Calls `run` after about so long, perhaps a millisecond early; at most `timeoutMsMax`. Returns what takes the call back. */
  alarm(delayMs: number, run: () => void): () => void;
}

/** The clocks and alarms of the machine that this runs on. */
export const machineTicks: Ticks = {
  wall: () => Date.now(),
  steady: () => performance.now(),
  alarm(delayMs, run) {
    const timeout = setTimeout(run, delayMs);
    return () => clearTimeout(timeout);
  },
};

/**
 * When wall clock and steady clock have moved apart by more than this, the machine has slept or its time was set: the offset must be
 * measured anew.
 */
const stepMsMin = 500;

/**
 * The store's time on this machine: steady time plus a measured offset, and always the earliest that it can be: by this clock nothing is
 * early by the store's. `doubtMs` says how much later it may be. Where the store turns out to be behind, `now` stands still until the
 * store has caught up, and is not to be relied on meanwhile; once it was measured, it never steps back.
 */
export class SystemClock implements Clock {
  readonly #ticks: Ticks;
  /** Store's time minus steady time, at least; and how much more it may have been when it was measured. */
  #offset: number;
  #wallMinusSteady: number;
  #measuredDoubt = Number.POSITIVE_INFINITY;
  #measuredAt = 0;
  #last = 0;

  constructor(ticks: Ticks = machineTicks) {
    this.#ticks = ticks;
    this.#wallMinusSteady = ticks.wall() - ticks.steady();
    // Until the first measurement the wall clock is the best guess; `doubtMs` says that it is none to rely on.
    this.#offset = this.#wallMinusSteady;
  }

  now(): number {
    this.#last = Math.max(this.#last, this.#earliest(this.#ticks.steady()));
    return this.#last;
  }

  monotonic(): number {
    return this.#ticks.steady();
  }

  doubtMs(): number {
    // A suspended machine's steady clock stands still: only the wall clock shows that leases may be long gone. And a wall clock that was
    // set may be the store's own.
    const steady = this.#ticks.steady();
    const stepped = this.#ticks.wall() - steady - this.#wallMinusSteady;
    if (Math.abs(stepped) > stepMsMin) return Number.POSITIVE_INFINITY;
    const knownToMs = this.#measuredDoubt + 2 * this.#drift(steady);
    const aheadMs = Math.max(0, this.#last - this.#earliest(steady));
    // Ahead of the latest that the store's time can be: it was set back, and what is due by this clock is early by the store's.
    return aheadMs > knownToMs + storeTickMs ? Number.POSITIVE_INFINITY : knownToMs + aheadMs;
  }

  #earliest(steady: number): number {
    return steady + this.#offset - this.#drift(steady);
  }

  /** How far the clocks may have moved apart since they were compared. */
  #drift(steady: number): number {
    return this.#measuredDoubt === Number.POSITIVE_INFINITY ? 0 : (steady - this.#measuredAt) * driftMax;
  }

  after(delayMs: number, run: () => void): () => void {
    const end = this.#ticks.steady() + delayMs;
    const wait = (ms: number) => this.#ticks.alarm(Math.min(ms, timeoutMsMax), ring);
    // setTimeout drops fractions and counts in whole milliseconds: it may call more than a millisecond early.
    const ring = () => {
      const leftMs = end - this.#ticks.steady();
      if (leftMs > 0) cancel = wait(leftMs);
      else run();
    };
    let cancel = wait(delayMs);
    return () => cancel();
  }

  /**
   * Measures the offset to the store: asks `storeTime` `samples` times. Each time was read between question and answer, so that it bounds the
   * offset from both sides; the bounds that all have in common are what is known (Marzullo's algorithm, for sources that do not lie).
   * Throws what `storeTime` throws.
   */
  async synchronise(storeTime: () => Promise<number>, samples = 3): Promise<void> {
    let offset = Number.NEGATIVE_INFINITY;
    let offsetMax = Number.POSITIVE_INFINITY;
    // Read before the samples are taken, so that a machine which sleeps during one is found out by `doubtMs`.
    const wallMinusSteady = this.#ticks.wall() - this.#ticks.steady();
    // Of the first sample that counts: the process may stand still for long between two, while the clocks move apart.
    let measuredAt = 0;
    if (samples < 1) throw new RangeError('samples must be at least 1');
    for (let sample = 0; sample < samples; sample++) {
      const before = this.#ticks.steady();
      const time = await storeTime();
      const after = this.#ticks.steady();
      // A store that was set between two samples contradicts itself: the newer one is right.
      if (sample === 0 || time - after > offsetMax || time - before < offset) {
        offset = Number.NEGATIVE_INFINITY;
        offsetMax = Number.POSITIVE_INFINITY;
        measuredAt = after;
      }
      offset = Math.max(offset, time - after);
      offsetMax = Math.min(offsetMax, time - before);
    }
    // What was guessed before the first measurement binds nobody: a wall clock that is ahead would have it stand still until then.
    if (this.#measuredDoubt === Number.POSITIVE_INFINITY) this.#last = Number.NEGATIVE_INFINITY;
    this.#offset = offset;
    this.#measuredDoubt = offsetMax - offset;
    this.#measuredAt = measuredAt;
    this.#wallMinusSteady = wallMinusSteady;
  }
}

/** Stores tell whole milliseconds: it may have been so much later when they did. */
const storeTickMs = 1;

/** Two clocks drift apart by no more than this part of the time: NTP slews by 500 ppm at most (RFC 5905, appendix A.5.5.6). */
const driftMax = 500e-6;

/** setTimeout takes no more than 2^31 - 1 ms: longer waits are made of several. */
const timeoutMsMax = 2 ** 31 - 1;
