import type { Clock } from './clock.ts';

/** A wall clock and a steady one, read together; a seam for tests. */
export interface Ticks {
  /** Milliseconds since the epoch by the machine's wall clock, which may step. */
  wall(): number;
  /** Milliseconds on a clock that never steps. */
  steady(): number;
}

const machineTicks: Ticks = { wall: () => Date.now(), steady: () => performance.now() };

/** Beyond this disagreement between wall clock and steady clock the machine is taken to have slept: the offset must be measured anew. */
const sleepMsMin = 500;

/**
 * The store's time on this machine: steady time plus a measured offset. Where the store turns out to be behind, `now` stands still until
 * the store has caught up, and `doubtMs` says how far ahead it is; it never steps back.
 */
export class SystemClock implements Clock {
  readonly #ticks: Ticks;
  /** Store's time minus steady time. */
  #offset: number;
  #wallMinusSteady: number;
  #measuredDoubt = Number.POSITIVE_INFINITY;
  #last = 0;

  constructor(ticks: Ticks = machineTicks) {
    this.#ticks = ticks;
    this.#wallMinusSteady = ticks.wall() - ticks.steady();
    // Until the first measurement the wall clock is the best guess; `doubtMs` says that it is none to rely on.
    this.#offset = this.#wallMinusSteady;
  }

  now(): number {
    this.#last = Math.max(this.#last, this.#ticks.steady() + this.#offset);
    return this.#last;
  }

  monotonic(): number {
    return this.#ticks.steady();
  }

  doubtMs(): number {
    const slept = this.#ticks.wall() - this.#ticks.steady() - this.#wallMinusSteady;
    // A suspended machine's steady clock stands still: only the wall clock shows that leases may be long gone.
    if (slept > sleepMsMin) return Number.POSITIVE_INFINITY;
    return this.#measuredDoubt + (this.now() - (this.#ticks.steady() + this.#offset));
  }

  after(delayMs: number, run: () => void): () => void {
    const timeout = setTimeout(run, Math.min(delayMs, timeoutMsMax));
    return () => clearTimeout(timeout);
  }

  /**
   * Measures the offset to the store: asks `storeTime` `samples` times and believes the quickest answer, at the middle of its round trip
   * (Cristian's algorithm). Throws what `storeTime` throws.
   */
  async synchronise(storeTime: () => Promise<number>, samples = 3): Promise<void> {
    let best: { offset: number; roundTrip: number } | undefined;
    for (let sample = 0; sample < samples; sample++) {
      const before = this.#ticks.steady();
      const time = await storeTime();
      const roundTrip = this.#ticks.steady() - before;
      if (!best || roundTrip < best.roundTrip) best = { offset: time - (before + roundTrip / 2), roundTrip };
    }
    if (!best) throw new RangeError('samples must be at least 1');
    this.#offset = best.offset;
    this.#measuredDoubt = best.roundTrip / 2;
    this.#wallMinusSteady = this.#ticks.wall() - this.#ticks.steady();
  }
}

/** setTimeout takes no more than 2^31 - 1 ms; longer waits wake up early, which every caller of `after` must bear. */
const timeoutMsMax = 2 ** 31 - 1;
