import { type Clock, sleep } from '../clock/clock.ts';

/** A wait that others can cut short. A wake-up that comes while nobody waits is not lost: the next wait returns at once. */
export class Pause {
  readonly #clock: Clock;
  #abort: AbortController | undefined;
  #woken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#woken = true;
    this.#abort?.abort();
  }

  async wait(delayMs: number): Promise<void> {
    if (!this.#woken) {
      this.#abort = new AbortController();
      await sleep(this.#clock, delayMs, this.#abort.signal);
      this.#abort = undefined;
    }
    this.#woken = false;
  }
}
