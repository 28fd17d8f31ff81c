import { PunctualError } from '../timer/errors.ts';

/** Bounds how many calls of one kind are under way, and with them what they hold in memory. */
export class InFlight {
  readonly #max: number;
  readonly #refusal: string;
  #count = 0;

  /** `refusal` tells a client what there is too much of. */
  constructor({ max, refusal }: { max: number; refusal: string }) {
    this.#max = max;
    this.#refusal = refusal;
  }

  /** Makes the call, or throws `overloaded`. */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#count >= this.#max) throw new PunctualError('overloaded', { message: this.#refusal });
    this.#count++;
    try {
      return await call();
    } finally {
      this.#count--;
    }
  }
}
