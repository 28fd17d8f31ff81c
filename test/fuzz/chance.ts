import { Chance as PlainChance } from '../support/chance.ts';

/** What a seed decides about one request. */
export class Chance extends PlainChance {
  /** Each request has chance of its own, so that what one draws does not depend on how fast others were answered. */
  constructor(seed: number, request: number) {
    super(seed ^ Math.imul(request + 1, 0x9e3779b1));
  }

  /** One of the items, each as probable as its weight says. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item {
    let left = this.fraction() * items.reduce((sum, [weight]) => sum + weight, 0);
    const found = items.find(([weight]) => {
      left -= weight;
      return left < 0;
    });
    return (found ?? items.at(-1)!)[1];
  }

  /** Each character from `alphabet`. */
  text(alphabet: readonly string[], length: number): string {
    return Array.from({ length }, () => this.pick(alphabet)).join('');
  }
}
