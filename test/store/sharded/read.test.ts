import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mergePages } from '../../../src/store/sharded/fan-out.ts';
import { ShardedStore } from '../../../src/store/sharded/store.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { shardOf } from '../../../src/timer/id.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { aNewTimer, aSpec, aTimer } from '../../support/timers.ts';
import { listAll, t0 } from '../conformance.ts';
import { overloaded, putEach, Shards } from './shards.ts';

const query = { tenant: 'default', nowMs: t0, limit: 100 };

describe('a list over shards', () => {
  const scene = fc.record({
    shards: fc.integer({ min: 1, max: 5 }),
    listRowsMax: fc.integer({ min: 1, max: 8 }),
    limit: fc.integer({ min: 1, max: 7 }),
    // When each was created, in milliseconds; many of them in the same one. Whether it is looked for.
    timers: fc.array(fc.record({ at: fc.nat(30), tagged: fc.boolean() }), { maxLength: 40 }),
  });

  for (const tag of [undefined, 'red']) {
    it(`gives ${tag ? 'what is looked for' : 'everything'} once, newest first, whatever the pages, and ends`, async () => {
      await fc.assert(
        fc.asyncProperty(scene, async ({ shards: count, listRowsMax, limit, timers }) => {
          const { store } = new Shards(count, { listRowsMax });
          const news = timers.map(({ at, tagged }) =>
            aNewTimer(t0 + at, { spec: aSpec({ tags: tagged ? ['red'] : [] }) }),
          );
          const ids = await putEach(store, ...news);
          const wanted = ids.filter((_id, index) => !tag || timers[index]!.tagged);
          const { ids: listed, pages } = await listAll(store, { ...query, limit, ...(tag ? { tag } : {}) });
          assert.deepEqual(listed, wanted.toSorted().toReversed());
          assert.ok(pages.every((page) => page.timers.length <= limit && page.missing.length === 0));
          assert.equal(pages.at(-1)!.next, null);
        }),
      );
    });
  }

  it('fills its pages where the shards filled theirs', async () => {
    const { store } = new Shards(3);
    await putEach(store, ...Array.from({ length: 20 }, (_, index) => aNewTimer(t0 + index)));
    const { pages } = await listAll(store, { ...query, limit: 6 });
    assert.deepEqual(
      pages.map(({ timers }) => timers.length),
      [6, 6, 6, 2],
    );
  });

  it('ends where the shard that was read the least far ends, though others know more', () => {
    const timerAt = (at: number) => aTimer(t0 + at);
    const [two, three, four, five] = [timerAt(2), timerAt(3), timerAt(4), timerAt(5)];
    const pages = [
      { timers: [five, two], next: two.id, missing: [] },
      // Nothing that matches, but it has looked no further than that.
      { timers: [], next: three.id, missing: [] },
      { timers: [four, timerAt(1)], next: null, missing: [] },
    ];
    const merged = (limit: number) => mergePages({ answers: pages, missing: [7] }, limit);
    assert.deepEqual(merged(10), { timers: [five, four], next: three.id, missing: [7] });
    assert.deepEqual(merged(2), { timers: [five, four], next: three.id, missing: [7] });
    assert.deepEqual(merged(1), { timers: [five], next: five.id, missing: [7] });
  });

  it('names the shards that do not answer, and shows the timers of the others', async () => {
    const shards = new Shards(3);
    const ids = await putEach(shards.store, ...Array.from({ length: 9 }, () => aNewTimer(t0)));
    shards.databases[0]!.fail('before');
    shards.databases[2]!.throwing('list', overloaded);
    const { timers, missing } = await shards.store.list(query);
    assert.deepEqual(missing, [0, 2]);
    assert.deepEqual(timers.map(({ id }) => id).sort(), ids.filter((id) => shardOf(id) === 1).sort());
    assert.deepEqual((await shards.store.list(query)).missing, [0, 2], 'also while it is known to be down');
  });

  it('fails where no shard answers, and where one has a defect', async () => {
    const shards = new Shards(2);
    shards.databases[0]!.throwing('list', new TypeError('a defect'));
    await assert.rejects(shards.store.list(query), TypeError);
    for (const database of shards.databases) database.fail('before');
    await assert.rejects(shards.store.list(query), { code: 'store_unavailable' });
  });
});

describe('what shards say together', () => {
  it('is the sum of their counts, and names those that do not answer', async () => {
    const shards = new Shards(3);
    const dues = [0, 100, 5_000, 50, 200, 6_000].map((due) => aNewTimer(t0, { dueAt: t0 + due }));
    const ids = await putEach(shards.store, ...dues);
    for (const verb of ['counts', 'audit'] as const) {
      const all = await shards.store[verb](t0 + 1_000);
      assert.deepEqual([all.accepted, all.waiting, all.overdue, all.oldestOverdueAt, all.missing], [6, 6, 4, t0, []]);
    }
    // The shard of the first and the fourth.
    const first = shardOf(ids[0]!);
    shards.databases[first]!.fail('before');
    for (const verb of ['counts', 'audit', 'counts'] as const) {
      const rest = await shards.store[verb](t0 + 1_000);
      assert.deepEqual(
        [rest.accepted, rest.waiting, rest.overdue, rest.oldestOverdueAt, rest.missing],
        [4, 4, 2, t0 + 100, [first]],
      );
    }
    for (const database of shards.databases) database.fail('before');
    await assert.rejects(shards.store.counts(t0), { code: 'store_unavailable' });
    await assert.rejects(shards.store.counts(t0), { code: 'store_unavailable', message: /^Shard 0 / });
  });

  it('is each controller once, as it was last seen', async () => {
    const shards = new Shards(3);
    const beat = (owner: string, at: number) => ({
      controller: { owner, startedAt: t0 },
      nowMs: t0 + at,
      forgetBefore: t0 - 10_000,
    });
    await shards.store.beat(beat('b', 1));
    await shards.databases[0]!.beat(beat('a', 3));
    await shards.databases[1]!.beat(beat('a', 5));
    await shards.databases[2]!.beat(beat('a', 4));
    shards.databases[2]!.fail('before', 'beat');
    await shards.store.beat(beat('b', 2));
    const seen = (owner: string, at: number) => ({ owner, startedAt: t0, seenAt: t0 + at });
    assert.deepEqual(await shards.store.controllers(t0), [seen('a', 5), seen('b', 2)]);
    for (const database of shards.databases) database.fail('before', 'beat');
    await assert.rejects(shards.store.beat(beat('b', 9)), { code: 'store_unavailable' });
  });

  it('is the latest time that those which answer can have at the least when the last has answered', async () => {
    const shards = new Shards(3);
    const asked = shards.clock.monotonic();
    const times = [t0 + 10, t0 + 30, t0 + 20];
    for (const [index, database] of shards.databases.entries())
      database.time = async () => times[index]! + (shards.clock.monotonic() - asked) / 2;
    assert.equal(await shards.store.time(), t0 + 30);
    shards.databases[1]!.time = async () => {
      throw new PunctualError('store_unavailable');
    };
    assert.equal(await shards.store.time(), t0 + 20);

    const slow = new Shards(2);
    slow.databases[0]!.time = async () => t0 + 500;
    slow.databases[1]!.time = () => new Promise((resolve) => slow.clock.after(1_000, () => resolve(t0)));
    const time = slow.store.time();
    await slow.clock.advance(1_000);
    assert.equal(await time, t0 + 500 + 1_000, 'the first answer has aged by the second that the other took');
  });
});

it('a list of no shards, or of too many, is refused', () => {
  const { clock, databases } = new Shards(1);
  const build = (length: number) =>
    new ShardedStore({
      shards: Array.from({ length }, () => ({ store: databases[0]!, draining: false })),
      clock,
      random: seededRandom(1),
    });
  assert.throws(() => build(0), RangeError);
  assert.throws(() => build(4_097), RangeError);
  assert.equal(build(4_096).shards().length, 4_096);
  assert.throws(() => new ShardedStore({ shards: [undefined], clock, random: seededRandom(1) }), RangeError);
});
