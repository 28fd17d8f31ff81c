/** In so many milliseconds of work what is measured may be a start: connections that come about, code that is cold. */
const reliableAfterMs = 5_000;
/** What happened this long ago counts 1/e of what happens now, in milliseconds of work. */
const memoryMs = 1_000;

/**
 * How many calls one place on the wire completes in a millisecond: an exponentially decayed count over the decayed time that places were
 * taken (Little's law: places times this is what all of them complete). So it is right however few are taken, from the first completion
 * on; recent ones weigh most, a standstill shows within a second or two, and idle time changes nothing.
 */
export class RateMeter {
  #count = 0;
  #placeMs = 0;
  #taken = 0;
  #workedMs = 0;
  /** Up to when the two are decayed. */
  #at = 0;

  /** From `now` on, in milliseconds, so many places are taken. */
  taken(places: number, now: number): void {
    this.#decay(now);
    this.#taken = places;
  }

  /** Counts one completion. */
  mark(now: number): void {
    this.#decay(now);
    this.#count++;
  }

  /** Completions per millisecond and place. */
  perMs(now: number): number {
    this.#decay(now);
    return this.#placeMs > 0 ? this.#count / this.#placeMs : 0;
  }

  /** Whether it has been at work for long enough to be relied on. */
  isReliable(now: number): boolean {
    this.#decay(now);
    return this.#workedMs >= reliableAfterMs;
  }

  #decay(now: number): void {
    if (this.#taken > 0) {
      if (this.#count > 0) this.#workedMs += now - this.#at;
      const kept = Math.exp((this.#at - now) / memoryMs);
      this.#count *= kept;
      this.#placeMs = this.#placeMs * kept + this.#taken * memoryMs * (1 - kept);
    }
    this.#at = now;
  }
}
