/** What happened this long ago counts 1/e of what happens now, in milliseconds of work. */
const memoryMs = 1_000;

/**
 * How often something happens while it is worked at: an exponentially decayed count of events over the decayed time of work. It is right
 * from the first event on, recent ones weigh most, a standstill shows within a second or two, and idle time changes nothing.
 */
export class RateMeter {
  #count = 0;
  #workMs = 0;
  /** Up to when the two are decayed; null while there is no work. */
  #workingSince: number | null = null;

  /** Work begins at `now`, in milliseconds. */
  resume(now: number): void {
    this.#workingSince ??= now;
  }

  /** Work ends. */
  pause(now: number): void {
    this.#decay(now);
    this.#workingSince = null;
  }

  /** Counts one event. */
  mark(now: number): void {
    this.#decay(now);
    this.#count++;
  }

  /** Events per millisecond of work. */
  perMs(now: number): number {
    this.#decay(now);
    return this.#workMs > 0 ? this.#count / this.#workMs : 0;
  }

  #decay(now: number): void {
    if (this.#workingSince === null) return;
    const kept = Math.exp((this.#workingSince - now) / memoryMs);
    this.#count *= kept;
    this.#workMs = this.#workMs * kept + memoryMs * (1 - kept);
    this.#workingSince = now;
  }
}
