import type { Random } from '../../src/timer/random.ts';
import { seededRandom } from './seeded-random.ts';

/** Chance that a seed decides, with the questions that tests ask of it. */
export class Chance implements Random {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  fraction(): number {
    return this.#random.fraction();
  }

  fill(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }

  /** True with this probability. */
  hits(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** From `min` up to `max`, with fractions. */
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** A whole number, both bounds included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  /** Mostly short, sometimes near `max`: as delays are. */
  mostlyShort(max: number): number {
    return this.fraction() ** 3 * max;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.fraction() * items.length)]!;
  }

  /** The same in another order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, place: this.fraction() }))
      .toSorted((one, other) => one.place - other.place)
      .map(({ item }) => item);
  }

  /** Another source of chance: what one part draws does not change what another gets. */
  fork(): Chance {
    return new Chance(Math.floor(this.fraction() * 2 ** 32));
  }
}
