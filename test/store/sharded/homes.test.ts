import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { homesOf, type ShardPlace } from '../../../src/store/sharded/homes.ts';

const places = (count: number, draining: readonly number[] = []): ShardPlace[] =>
  Array.from({ length: count }, (_, number) => ({ number, draining: draining.includes(number) }));
const keys = Array.from({ length: 4_000 }, (_, index) => ({ tenant: 'default', key: `key ${index}` }));
const homes = (shards: readonly ShardPlace[]) => keys.map((key) => homesOf(key, shards, 1).home?.number);

describe('the home of a key', () => {
  it('is where it always was: timers are stored by it', () => {
    const found = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) =>
      homesOf({ tenant: 'default', key }, places(5), 1),
    );
    assert.deepEqual(
      found.map(({ home }) => home?.number),
      [4, 0, 1, 4, 0, 3, 4, 0],
    );
  });

  it('differs by tenant', () => {
    const tenants = Array.from({ length: 100 }, (_, index) => `tenant ${index}`);
    const found = new Set(tenants.map((tenant) => homesOf({ tenant, key: 'k' }, places(4), 1).home?.number));
    assert.deepEqual(found, new Set([0, 1, 2, 3]));
  });

  it('spreads keys evenly', () => {
    for (const number of [0, 1, 2, 3]) {
      const part = homes(places(4)).filter((home) => home === number).length / keys.length;
      assert.ok(Math.abs(part - 0.25) < 0.03, `shard ${number} has ${part}`);
    }
  });

  it('moves to a shard that is added for its fair part of the keys, and for no other', () => {
    const [before, after] = [homes(places(4)), homes(places(5))];
    const moved = after.filter((home, index) => home !== before[index]);
    assert.ok(moved.every((home) => home === 4));
    assert.ok(Math.abs(moved.length / keys.length - 0.2) < 0.03, `${moved.length} moved`);
  });

  it('moves from a shard that drains to all the others, and no other key moves', () => {
    const [before, after] = [homes(places(4)), homes(places(4, [2]))];
    assert.ok(after.every((home, index) => before[index] === 2 || home === before[index]));
    assert.deepEqual(new Set(after.filter((_home, index) => before[index] === 2)), new Set([0, 1, 3]));
  });

  it('is nowhere while every shard drains', () => {
    const { home, earlier } = homesOf(keys[0]!, places(2, [0, 1]), 1);
    assert.equal(home, undefined);
    assert.deepEqual(
      earlier.map(({ number }) => number),
      [0, 1],
    );
  });
});

describe('the earlier homes of a key', () => {
  /** What happens to the list of shards, step by step; a shard once drained stays so until it is removed. */
  const step = fc.record({ grow: fc.boolean(), which: fc.nat(20), remove: fc.boolean() });

  /** A list of shards to which things happen, and the keys that were stored meanwhile. */
  class History {
    readonly #start: number;
    readonly #list: (ShardPlace | undefined)[];
    readonly #stored = new Map(keys.slice(0, 100).map((key) => [key, new Set<number>()]));

    constructor(start: number) {
      this.#start = start;
      this.#list = places(start);
    }

    happen({ grow, which, remove }: { grow: boolean; which: number; remove: boolean }): void {
      const place = this.#list[which % this.#list.length];
      if (grow) this.#list.push({ number: this.#list.length, draining: false });
      else if (place?.draining && remove) this.#list[place.number] = undefined;
      else if (place) this.#list[place.number] = { ...place, draining: true };
    }

    /** Creates a timer with each key; all those that were ever stored are looked for, but in shards that are gone. */
    store(): void {
      const there = this.#list.filter((place) => place !== undefined);
      for (const [key, at] of this.#stored) {
        const { home, earlier } = homesOf(key, there, this.#start);
        const asked = new Set([home, ...earlier].map((place) => place?.number));
        for (const number of at) assert.ok(asked.has(number) || !this.#list[number], `${key.key} is in ${number}`);
        if (home) at.add(home.number);
      }
    }
  }

  it('have every key that was ever stored, however the list grew, was drained and lost shards', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 12 }), (start, steps) => {
        const history = new History(start);
        history.store();
        for (const one of steps) {
          history.happen(one);
          history.store();
        }
      }),
    );
  });

  it('are few', () => {
    const sizes = keys.map((key) => homesOf(key, places(8), 1).earlier.length);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    // 1/2 + 1/3 + … + 1/8
    assert.ok(Math.abs(mean - 1.72) < 0.1, `${mean} on average`);
  });

  it('are none in a list that was never shorter', () => {
    assert.ok(keys.every((key) => homesOf(key, places(5), 5).earlier.length === 0));
  });
});
