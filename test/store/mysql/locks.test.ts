import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claim, findClaimable, takeTimers } from '../../../src/store/mysql/statements/claims.ts';
import { insertTimers } from '../../../src/store/mysql/statements/inserts.ts';
import type { MysqlStore } from '../../../src/store/mysql/store.ts';
import { idToBytes, newTimerId } from '../../../src/timer/id.ts';
import type { NewTimer } from '../../../src/timer/timer.ts';
import { cancel } from '../../../src/timer/transition.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer, aSpec } from '../../support/timers.ts';
import { aClaim, aSettlement, holdOf, type TestContext, t0 } from '../conformance.ts';
import { type Ask, connectTo, openStore, unavailable } from './scratch.ts';

const random = seededRandom(3);

/** A timer of one bucket, due so many milliseconds after t0. */
function dueIn(ms: number, bucket = 0): NewTimer {
  return aNewTimer(t0, { id: newTimerId(t0, random, { shard: 0, bucketByte: bucket }), dueAt: t0 + ms });
}

/** A store, and beside it a session of another controller, which leaves its transaction open. */
async function twoControllers(t: TestContext, buckets = 1): Promise<{ store: MysqlStore; other: Ask; url: string }> {
  const url = await freshDatabase('mysql', t);
  const store = await openStore(t, { url, buckets });
  return { store, other: await connectTo(t, url), url };
}

/** What a claim runs in its transaction, up to the COMMIT. */
const openClaim = (timers: readonly NewTimer[]) => [
  'START TRANSACTION',
  takeTimers(
    0,
    timers.map(({ id }) => idToBytes(id)),
  ),
  claim(
    0,
    timers.map(({ id }) => [id.replaceAll('-', ''), 0] as const),
    { owner: 'other', until: t0 + 6_000 },
  ),
];

const dues = (claimed: Awaited<ReturnType<MysqlStore['claim']>>) => claimed.map(({ timer }) => timer.dueAt - t0);

describe('locks of the MySQL engine', { skip: unavailable }, () => {
  it('of an open claim keep no insert waiting: before, among or behind what it has locked', async (t) => {
    const { store, other } = await twoControllers(t);
    const claimed = [dueIn(100), dueIn(300), dueIn(900)];
    await store.insert(claimed);
    await other(...openClaim(claimed));
    const fresh = [50, 200, 301, 950, 5_000].map((due) => dueIn(due));
    const results = await store.insert(fresh);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      fresh.map(() => 'created'),
    );
    assert.deepEqual(dues(await store.claim(aClaim({ horizonAt: t0 + 1_000 }))), [50, 200, 301, 950]);
  });

  it('would, at the isolation that servers come with, and by a walk that locks', async (t) => {
    const { store, other, url } = await twoControllers(t);
    await store.insert([dueIn(100), dueIn(300)]);
    const walk = `${findClaimable(0, { held: 0, by: t0 + 1_000, limit: 500 })} FOR UPDATE SKIP LOCKED`;
    await other('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'START TRANSACTION', walk);
    const third = await connectTo(t, url);
    const { id, tenant } = dueIn(200);
    const row = [
      0,
      idToBytes(id),
      tenant,
      null,
      t0 + 200,
      t0 + 200,
      0,
      0,
      8,
      17,
      'http://127.0.0.1/',
      null,
      null,
    ] as const;
    await third('SET SESSION innodb_lock_wait_timeout = 0');
    await assert.rejects(third(insertTimers([row])), { errno: 1205 });
    await other('ROLLBACK');
    await third(insertTimers([row]));
  });

  it('of an open claim are passed over by another, which takes the rest', async (t) => {
    const { store, other } = await twoControllers(t);
    const timers = Array.from({ length: 10 }, (_, due) => dueIn(due));
    await store.insert(timers);
    await other(...openClaim(timers.slice(0, 4)));
    assert.deepEqual(dues(await store.claim(aClaim({ limit: 5 }))), [4, 5, 6, 7, 8]);
    await other('ROLLBACK');
    assert.deepEqual(dues(await store.claim(aClaim())), [0, 1, 2, 3, 9]);
  });

  it('of an open claim hide nothing but what it claims, in its bucket or the next', async (t) => {
    const { store, other } = await twoControllers(t, 2);
    const [due, later, next] = [dueIn(100), dueIn(200), dueIn(100, 1)];
    await store.insert([due, later, next]);
    await other(...openClaim([due]));
    const claimed = await store.claim(aClaim({ horizonAt: t0 + 1_000 }));
    assert.deepEqual(new Set(claimed.map(({ timer }) => timer.id)), new Set([later.id, next.id]));
  });

  it('of an open claim are looked behind, as far as the bytes allow', async (t) => {
    const { store, other } = await twoControllers(t);
    const timers = Array.from({ length: 6 }, (_, due) => ({ ...dueIn(due), spec: aSpec({ body: 'x'.repeat(1_000) }) }));
    await store.insert(timers);
    await other(...openClaim([timers[0]!, timers[2]!]));
    assert.deepEqual(dues(await store.claim(aClaim({ bytesMax: 2_500 }))), [1, 3]);
  });

  it('share a backlog between several that claim at once, and none twice', async (t) => {
    const { store } = await twoControllers(t, 2);
    await store.insert(Array.from({ length: 600 }, (_, due) => dueIn(due, due % 2)));
    const claims = ['one', 'two', 'three', 'four'].map(async (owner) => {
      const all = [];
      for (;;) {
        const claimed = await store.claim(aClaim({ owner, limit: 40 }));
        if (claimed.length === 0) return all;
        all.push(...claimed);
      }
    });
    const ids = (await Promise.all(claims)).flat().map(({ timer }) => timer.id);
    assert.equal(ids.length, 600);
    assert.equal(new Set(ids).size, 600);
  });

  it('make no deadlock of settlements to both kinds of state and of extensions of the same timers', async (t) => {
    // Chance chooses how long is waited after a deadlock, and nothing else.
    let deadlocks = 0;
    const counting = { ...random, fraction: () => 0 * ++deadlocks };
    const url = await freshDatabase('mysql', t);
    const [store, second] = [
      await openStore(t, { url, random: counting }),
      await openStore(t, { url, random: counting }),
    ];
    const nexts = [{ retryAt: t0 }, { ended: { status: 'done', at: t0 } }] as const;
    for (let round = 0; round < 20; round++) {
      await store.insert(Array.from({ length: 100 }, (_, due) => dueIn(due)));
      const holds = (await store.claim(aClaim())).map(({ timer }) => holdOf(timer));
      const settlements = holds.map((hold, n) => ({ ...hold, settlement: aSettlement(nexts[n % 2]!) }));
      const [results] = await Promise.all([store.settle(settlements), second.extend(holds.toReversed(), t0 + 60_000)]);
      assert.ok(results.every((result) => result === 'applied'));
    }
    assert.equal(deadlocks, 0);
  });

  it('let claims, settlements, changes and purges of the same timers run into each other without losing one', async (t) => {
    const { store } = await twoControllers(t, 2);
    const timers = Array.from({ length: 200 }, (_, due) => dueIn(due, due % 2));
    await store.insert(timers);
    let cancelled = 0;
    const controllers = ['one', 'two', 'three'].map(async (owner) => {
      for (let idle = 0; idle < 3; ) {
        const claimed = await store.claim(aClaim({ owner, limit: 20, expiredBy: t0 }));
        idle = claimed.length === 0 ? idle + 1 : 0;
        const ended = { ended: { status: 'done', at: t0 } } as const;
        const settlements = claimed.map(({ timer }) => ({ ...holdOf(timer), settlement: aSettlement(ended) }));
        const results = await store.settle(settlements.reverse());
        assert.ok(results.every((result) => result === 'applied'));
      }
    });
    const client = timers.map(async ({ id }) => {
      const before = (await store.get(id))!;
      const verdict = cancel(before, t0);
      if ('after' in verdict && (await store.change({ before, after: verdict.after })) === 'applied') cancelled++;
    });
    await Promise.all([...controllers, ...client]);
    while ((await store.purge({ endedBefore: t0 + 1, limit: 30 })) > 0);
    const counts = await store.counts(t0);
    assert.deepEqual(await store.audit(t0), counts);
    assert.deepEqual([counts.accepted, counts.purged, counts.waiting], [200, 200, 0]);
    assert.ok(cancelled < 200);
  });
});
