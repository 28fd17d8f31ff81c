/** So much of a second's tokens may be saved up: enough to smooth over a timer's resolution, too little for a burst. */
const burstSeconds = 0.1;

/** Lets through so many calls a second. Instants are arguments, in milliseconds. */
export class TokenBucket {
  #perMs = 0;
  #tokensMax = 0;
  #tokens: number;
  #filledAt: number;

  constructor(ratePerSecond: number, now: number) {
    this.#filledAt = now;
    this.#tokens = 0;
    this.setRate(ratePerSecond, now);
    this.#tokens = this.#tokensMax;
  }

  /** Another rate from now on; what was saved up stays, as far as the new rate allows it. */
  setRate(ratePerSecond: number, now: number): void {
    this.#fill(now);
    this.#perMs = ratePerSecond / 1000;
    this.#tokensMax = Math.max(1, ratePerSecond * burstSeconds);
    this.#tokens = Math.min(this.#tokens, this.#tokensMax);
  }

  /** Takes a token, if there is one. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes back a token that came to nothing. */
  giveBack(): void {
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + 1);
  }

  get msPerToken(): number {
    return 1 / this.#perMs;
  }

  /** How long from `now` until there are so many tokens, if none is taken and none goes to waste, in milliseconds; 0 if there are. */
  waitMs(now: number, tokens = 1): number {
    this.#fill(now);
    return Math.max(0, (tokens - this.#tokens) / this.#perMs);
  }

  /** How many tokens can be taken from `now` until `ms` later, with fractions. */
  within(ms: number, now: number): number {
    this.#fill(now);
    return this.#tokens + ms * this.#perMs;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }
}
