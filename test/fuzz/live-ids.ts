import type { Chance } from './chance.ts';

/** So many ids are remembered, the newest: older timers have mostly ended. */
const idsMax = 300;
/** An id of the right form that names no timer. */
const strangeId = '019ab1c2-6f00-7000-8000-3f1d2c4b5a69';

/** Younger ones cannot have been purged yet: that takes a minute from their end. In milliseconds. */
const freshMs = 30_000;

/** Timers that are there, for requests to meet. */
export class LiveIds {
  readonly #timers: { readonly id: string; readonly notedAt: number }[] = [];
  #next = 0;

  note(id: string): void {
    this.#timers[this.#next % idsMax] = { id, notedAt: performance.now() };
    this.#next += 1;
  }

  /** One of them; before there is any, one that names no timer. */
  pick(chance: Chance): string {
    const at = chance.whole(0, idsMax - 1);
    return this.#timers[at % Math.max(1, this.#timers.length)]?.id ?? strangeId;
  }

  /** Whether it must be there still. */
  isFresh(id: string): boolean {
    return this.#timers.some((timer) => timer.id === id && performance.now() - timer.notedAt < freshMs);
  }
}
