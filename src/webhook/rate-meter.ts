/** What happened this long ago counts 1/e of what happens now, in milliseconds. */
const memoryMs = 1_000;

/** How often something happens, by an exponentially decayed count: recent events weigh most, and a standstill shows within a second or two. */
export class RateMeter {
  #count = 0;
  #countedAt = 0;

  /** Counts one event at `now`, in milliseconds. */
  mark(now: number): void {
    this.#count = this.#decayed(now) + 1;
    this.#countedAt = now;
  }

  /** Events per millisecond as of `now`. */
  perMs(now: number): number {
    return this.#decayed(now) / memoryMs;
  }

  #decayed(now: number): number {
    return this.#count * Math.exp((this.#countedAt - now) / memoryMs);
  }
}
