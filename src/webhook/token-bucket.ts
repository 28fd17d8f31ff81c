/** So much of a second's tokens may be saved up: enough to smooth over a timer's resolution, too little for a burst. */
const burstSeconds = 0.1;

/** Lets through so many calls a second. Instants are arguments, in milliseconds. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #tokensMax: number;
  #tokens: number;
  #filledAt: number;

  constructor(ratePerSecond: number, now: number) {
    this.#perMs = ratePerSecond / 1000;
    this.#tokensMax = Math.max(1, ratePerSecond * burstSeconds);
    this.#tokens = this.#tokensMax;
    this.#filledAt = now;
  }

  /** Takes a token, if there is one. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** How long from `now` until there is a token, in milliseconds; 0 if there is one. */
  waitMs(now: number): number {
    this.#fill(now);
    return Math.max(0, (1 - this.#tokens) / this.#perMs);
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }
}
