import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShardedStore } from '../../../src/store/sharded/store.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { shardOf, withShard } from '../../../src/timer/id.ts';
import { settlePromises } from '../../support/fake-clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { full, keyed, overloaded, putEach, Shards, shardsOf } from './shards.ts';

const query = { tenant: 'default', nowMs: t0, limit: 10 };

/** Lets the shard's first failure be seen. */
async function bringDown(shards: Shards, number: number): Promise<void> {
  shards.databases[number]!.fail('before');
  await shards.store.counts(t0);
}

describe('the health of shards', () => {
  it('is shown for each, with for how long it has been down', async () => {
    const shards = new Shards(2);
    const store = shards.open({ draining: [1] });
    assert.deepEqual(store.shards(), [
      { number: 0, up: true, draining: false },
      { number: 1, up: true, draining: true },
    ]);
    shards.databases[1]!.fail('before');
    await store.counts(t0);
    await shards.clock.advance(5_000);
    assert.deepEqual(store.shards(), [
      { number: 0, up: true, draining: false },
      { number: 1, up: false, draining: true, downForMs: 5_000 },
    ]);
  });

  it('leaves out a shard that was removed, and keeps the numbers of the others', async () => {
    const { databases, clock } = new Shards(2);
    const listed = databases.map((store) => ({ store, draining: false }));
    const store = new ShardedStore({ shards: [undefined, ...listed], clock, random: seededRandom(1) });
    const numbers = store.shards().map(({ number }) => number);
    assert.deepEqual(numbers, [1, 2]);
    const timers = Array.from({ length: 8 }, (_, index) => (index % 2 ? keyed(`k${index}`) : aNewTimer(t0)));
    assert.deepEqual(new Set(shardsOf(await putEach(store, ...timers))), new Set([1, 2]));
    assert.equal(await store.get(withShard(timers[0]!.id, 0)), undefined);
    assert.deepEqual((await store.list(query)).missing, []);
  });

  it('is told once when a shard goes down, and once when it is up again', async () => {
    const shards = new Shards(2);
    await bringDown(shards, 1);
    await shards.clock.advance(10_000);
    assert.deepEqual(shards.told, ['1 down']);
    shards.databases[1]!.fail('none');
    await shards.clock.advance(2_000);
    assert.deepEqual(shards.told, ['1 down', '1 up']);
  });

  it('is asked for at once, and then about once a second', async () => {
    const shards = new Shards(2);
    const [id] = (await putEach(shards.store, aNewTimer(t0), aNewTimer(t0))).filter((one) => shardOf(one) === 1);
    await bringDown(shards, 1);
    for (let failures = 0; failures < 10; failures++) await assert.rejects(shards.store.get(id!));
    await shards.clock.advance(0);
    assert.equal(shards.databases[1]!.count('time'), 1);
    await shards.clock.advance(700);
    assert.equal(shards.databases[1]!.count('time'), 1);
    await shards.clock.advance(29_300);
    const asked = shards.databases[1]!.count('time');
    assert.ok(asked > 25 && asked < 40, `${asked} times`);
    shards.databases[1]!.fail('none');
    await shards.clock.advance(1_300);
    const last = shards.databases[1]!.count('time');
    await shards.clock.advance(10_000);
    assert.equal(shards.databases[1]!.count('time'), last, 'a shard that is up is left alone');
  });

  it("is good again right after a moment's fault", async () => {
    const shards = new Shards(2);
    shards.databases[1]!.fail('after', 'counts');
    await shards.store.counts(t0);
    assert.equal(shards.store.shards()[1]!.up, false);
    await shards.clock.advance(0);
    assert.equal(shards.store.shards()[1]!.up, true);
  });

  it('is good again after any success', async () => {
    const shards = new Shards(2);
    const ids = await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    await bringDown(shards, 1);
    shards.databases[1]!.fail('none');
    for (const id of ids) await shards.store.get(id);
    assert.deepEqual(shards.told, ['1 down', '1 up']);
    const asked = shards.databases[1]!.count('time');
    await shards.clock.advance(10_000);
    assert.equal(shards.databases[1]!.count('time'), asked);
  });

  it('is not asked for behind the back of one that was closed', async () => {
    const shards = new Shards(2);
    await bringDown(shards, 1);
    await shards.store.close();
    const asked = shards.databases[1]!.count('time');
    await shards.clock.advance(10_000);
    await assert.rejects(shards.store.counts(t0));
    await shards.clock.advance(10_000);
    assert.equal(shards.databases[1]!.count('time'), asked);
    assert.deepEqual(shards.told, ['1 down'], 'closing is no outage');
  });

  it('leaves no alarm behind when it is closed', async () => {
    const { databases, clock } = new Shards(1);
    const alarms = new Set<symbol>();
    const counting = {
      monotonic: () => clock.monotonic(),
      after: (_delayMs: number, _run: () => void) => {
        const alarm = Symbol();
        alarms.add(alarm);
        return () => alarms.delete(alarm);
      },
    };
    const listed = databases.map((store) => ({ store, draining: false }));
    const store = new ShardedStore({ shards: listed, clock: counting, random: seededRandom(1) });
    databases[0]!.fail('before');
    await assert.rejects(store.counts(t0));
    assert.equal(alarms.size, 1);
    await store.close();
    assert.equal(alarms.size, 0);
  });

  it('of a full shard is left to its next timers: it is read like any other', async () => {
    const shards = new Shards(2);
    await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    shards.databases[1]!.throwing('insert', full);
    await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    await shards.clock.advance(10_000);
    assert.deepEqual(shards.told, ['1 down']);
    assert.equal(shards.databases[1]!.count('time'), 0);
    const { timers, missing } = await shards.store.list(query);
    assert.deepEqual([timers.length, missing], [4, []]);
    shards.databases[1]!.throwing('insert', undefined);
    await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    assert.deepEqual(shards.told, ['1 down', '1 up']);
  });

  it('does not suffer from a defect, or from too much work', async () => {
    const shards = new Shards(2);
    shards.databases[1]!.throwing('counts', new PunctualError('internal'));
    await assert.rejects(shards.store.counts(t0), { code: 'internal' });
    shards.databases[1]!.throwing('counts', overloaded);
    assert.deepEqual((await shards.store.counts(t0)).missing, [1]);
    assert.deepEqual(shards.told, []);
  });
});

describe('a shard that hangs', () => {
  const reads = {
    list: (shards: Shards) => shards.store.list(query),
    counts: (shards: Shards) => shards.store.counts(t0),
    controllers: (shards: Shards) => shards.store.controllers(t0),
    time: (shards: Shards) => shards.store.time(),
    beat: (shards: Shards) =>
      shards.store.beat({ controller: { owner: 'one', startedAt: t0 }, nowMs: t0, forgetBefore: t0 }),
  };
  for (const [verb, read] of Object.entries(reads)) {
    it(`holds up ${verb} for two seconds once, and then no more`, async () => {
      const shards = new Shards(3);
      shards.databases[1]!.hang();
      let answers = 0;
      const count = () => {
        answers += 1;
      };
      void read(shards).then(count);
      await shards.clock.advance(1_999);
      assert.equal(answers, 0);
      await shards.clock.advance(1);
      assert.equal(answers, 1);
      await read(shards).then(count);
      assert.equal(answers, 2);
      assert.deepEqual(shards.told, ['1 down']);
    });
  }

  it('is asked one question at a time whether it is back, and is up when it answers anything', async () => {
    const shards = new Shards(2);
    const [id] = (await putEach(shards.store, aNewTimer(t0), aNewTimer(t0))).filter((one) => shardOf(one) === 1);
    shards.databases[1]!.hang();
    void shards.store.counts(t0);
    await shards.clock.advance(2_000);
    shards.databases[1]!.fail('before', 'get');
    await assert.rejects(shards.store.get(id!));
    await shards.clock.advance(1_900);
    assert.equal(shards.databases[1]!.count('time'), 1);
    shards.databases[1]!.unhang();
    await settlePromises();
    assert.deepEqual(shards.told, ['1 down', '1 up']);
    assert.deepEqual((await shards.store.counts(t0)).missing, []);
  });

  it('is found out by the queue before it that does not move', async () => {
    const shards = new Shards(2);
    shards.databases[1]!.throwing('insert', overloaded);
    await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    shards.databases[1]!.hang();
    await shards.clock.advance(1_250 + 2_000);
    assert.deepEqual(shards.told, ['1 down']);
  });

  it('does not hold up an audit, which may take its time, for less than it takes', async () => {
    const shards = new Shards(2);
    shards.databases[1]!.hang();
    const audit = shards.store.audit(t0);
    await shards.clock.advance(60_000);
    assert.deepEqual(shards.told, []);
    shards.databases[1]!.unhang();
    assert.deepEqual((await audit).missing, []);
  });

  it('leaves no alarm behind where it answers in time', async () => {
    const shards = new Shards(2);
    await shards.store.counts(t0);
    shards.databases[1]!.hang();
    await shards.clock.advance(10_000);
    assert.deepEqual(shards.told, []);
  });
});
