import type { Chance } from './chance.ts';

/** So many ids are remembered, the newest: older timers have mostly ended. */
const idsMax = 300;
/** An id of the right form that names no timer. */
const strangeId = '019ab1c2-6f00-7000-8000-3f1d2c4b5a69';

/** Timers that are there, for requests to meet. */
export class LiveIds {
  readonly #ids: string[] = [];
  #next = 0;

  note(id: string): void {
    this.#ids[this.#next % idsMax] = id;
    this.#next += 1;
  }

  /** One of them; before there is any, one that names no timer. */
  pick(chance: Chance): string {
    const at = chance.whole(0, idsMax - 1);
    return this.#ids[at % Math.max(1, this.#ids.length)] ?? strangeId;
  }
}
