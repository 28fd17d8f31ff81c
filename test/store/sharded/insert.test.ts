import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../../src/store/store.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { createdAtOf, idToBytes, shardOf } from '../../../src/timer/id.ts';
import type { NewTimer } from '../../../src/timer/timer.ts';
import { settlePromises } from '../../support/fake-clock.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { full, idOf, keyed, overloaded, putEach, Shards, shardsOf } from './shards.ts';

const plain = (count: number): NewTimer[] => Array.from({ length: count }, () => aNewTimer(t0));

/** A key with this home among three shards, and these earlier ones; found by trying. */
async function keyWith(home: number, earlier: readonly number[], shardsAtStart = 1): Promise<string> {
  for (let index = 0; ; index++) {
    const shards = new Shards(3, { shardsAtStart: () => shardsAtStart });
    const [id] = await putEach(shards.store, keyed(`k${index}`));
    const asked = shards.databases.flatMap((database, number) => (database.count('findKey') > 0 ? [number] : []));
    if (shardOf(id!) === home && String(asked) === String(earlier)) return `k${index}`;
  }
}

describe('timers without a key', () => {
  it('go to the shards in turns, and say in their id where they are', async () => {
    const { store, databases } = new Shards(3);
    const timers = plain(6);
    const ids = await putEach(store, ...timers);
    assert.deepEqual(shardsOf(ids).toSorted(), [0, 0, 1, 1, 2, 2]);
    assert.equal(new Set(shardsOf(ids.slice(0, 3))).size, 3);
    for (const [index, id] of ids.entries()) {
      assert.equal(createdAtOf(id), createdAtOf(timers[index]!.id));
      assert.deepEqual(idToBytes(id).subarray(8), idToBytes(timers[index]!.id).subarray(8));
      assert.deepEqual(await databases[shardOf(id)]!.memory.get(id), await store.get(id));
      assert.equal((await store.get(id))?.id, id);
    }
  });

  it('of one call go to the same shard, in one batch', async () => {
    const { store, databases } = new Shards(3);
    const results = await store.insert(plain(10));
    assert.equal(new Set(shardsOf(results.map(idOf))).size, 1);
    assert.equal(
      databases.reduce((sum, database) => sum + database.count('insert'), 0),
      1,
    );
  });

  it('begin with a shard of chance, so that not every process begins with the same', async () => {
    const firsts = [0, 0.4, 0.9].map(async (fraction) => {
      const { store } = new Shards(3, { random: { fraction: () => fraction, fill: () => {} } });
      return shardsOf(await putEach(store, ...plain(1)))[0];
    });
    assert.deepEqual(await Promise.all(firsts), [0, 1, 2]);
  });

  it('go elsewhere while a shard is dead, which is not tried again until it is back', async () => {
    const { store, databases, clock } = new Shards(3);
    databases[1]!.fail('before');
    assert.ok(shardsOf(await putEach(store, ...plain(9))).every((shard) => shard !== 1));
    assert.equal(databases[1]!.count('insert'), 1);
    databases[1]!.fail('none');
    await clock.advance(2_000);
    assert.equal(shardsOf(await putEach(store, ...plain(9))).filter((shard) => shard === 1).length, 3);
  });

  it('share the shards that are left fairly', async () => {
    const shards = new Shards(3);
    shards.databases[1]!.fail('before');
    await putEach(shards.store, ...plain(1 + 3), ...plain(40));
    assert.deepEqual(await shards.sizes(), [22, 0, 22]);
  });

  for (const [name, error] of [
    ['is full', full],
    ['has too much waiting', overloaded],
    ['does not answer', new PunctualError('store_unavailable')],
  ] as const) {
    it(`go elsewhere when a shard ${name}`, async () => {
      const shards = new Shards(2);
      shards.databases[0]!.throwing('insert', error);
      await putEach(shards.store, ...plain(4));
      assert.deepEqual(await shards.sizes(), [0, 4]);
    });

    it(`are refused with the first error when every shard ${name}, each of them tried once`, async () => {
      const { store, databases } = new Shards(3);
      for (const database of databases) database.throwing('insert', error);
      await assert.rejects(store.insert(plain(2)), { code: error.code });
      assert.deepEqual(
        databases.map((database) => database.count('insert')),
        [1, 1, 1],
      );
    });
  }

  for (const error of [
    new PunctualError('commit_unknown'),
    new PunctualError('store_not_a_database'),
    new TypeError('x'),
  ]) {
    it(`are never tried elsewhere when they may have been stored (${String(error)})`, async () => {
      const { store, databases } = new Shards(2);
      for (const database of databases) database.throwing('insert', error);
      const code = error instanceof PunctualError ? error.code : 'internal';
      await assert.rejects(store.insert(plain(2)), { code });
      assert.equal(databases[0]!.count('insert') + databases[1]!.count('insert'), 1);
    });
  }

  it('are refused with the error of the shard that was tried first', async () => {
    const { store, databases } = new Shards(2, { random: { fraction: () => 0, fill: () => {} } });
    databases[0]!.throwing('insert', full);
    databases[1]!.throwing('insert', overloaded);
    await assert.rejects(store.insert(plain(1)), { code: 'store_full' });
  });

  it('are not given to a shard that went down while another one was tried', async () => {
    const { store, databases, clock } = new Shards(2, { random: { fraction: () => 0, fill: () => {} } });
    databases[0]!.hang();
    databases[0]!.throwing('insert', overloaded);
    const refused = assert.rejects(store.insert(plain(1)), { code: 'overloaded' });
    databases[1]!.hang();
    const counts = assert.rejects(store.counts(t0));
    await clock.advance(2_000);
    await counts;
    databases[0]!.unhang();
    await refused;
    assert.equal(databases[1]!.count('insert'), 0);
  });

  it('are refused at once while every shard is down, or takes none', async () => {
    const { store, databases } = new Shards(2);
    for (const database of databases) database.fail('before');
    await assert.rejects(store.insert(plain(1)), { code: 'store_unavailable' });
    await assert.rejects(store.insert(plain(1)), { code: 'store_unavailable', message: /^No shard takes new timers/ });
    assert.equal(databases[0]!.count('insert'), 1);
    const draining = new Shards(2).open({ draining: [0, 1] });
    await assert.rejects(draining.insert(plain(1)), { code: 'store_unavailable' });
  });

  it('are tried in a full shard once a second, until it takes one', async () => {
    const { store, databases, clock } = new Shards(2);
    databases[0]!.throwing('insert', full);
    const insertsInto = async () => {
      const before = databases[0]!.count('insert');
      await Promise.all(plain(10).map((timer) => store.insert([timer])));
      return databases[0]!.count('insert') - before;
    };
    await putEach(store, ...plain(2));
    assert.equal(await insertsInto(), 0);
    await store.counts(t0);
    assert.equal(await insertsInto(), 0, 'that it can be read does not mean that it has room');
    await clock.advance(1_000);
    assert.equal(await insertsInto(), 1);
    databases[0]!.throwing('insert', undefined);
    await clock.advance(1_000);
    assert.equal(await insertsInto(), 1);
    assert.equal(await insertsInto(), 5);
  });
});

describe('timers with a key', () => {
  it('go to one home, where a repetition meets its first copy', async () => {
    const { store } = new Shards(3);
    for (let index = 0; index < 20; index++) {
      const first = keyed(`k${index}`);
      const [id] = await putEach(store, first);
      await putEach(store, ...plain(1));
      assert.deepEqual(await store.insert([keyed(`k${index}`)]), [{ kind: 'existing', id, dueAt: first.dueAt }]);
      const other = keyed('', { idempotency: { key: `k${index}`, fingerprint: 'another' } });
      assert.deepEqual(await store.insert([other]), [{ kind: 'conflict', id }]);
    }
  });

  it('are spread over all shards', async () => {
    const shards = new Shards(3);
    await putEach(shards.store, ...Array.from({ length: 60 }, (_, index) => keyed(`k${index}`)));
    for (const size of await shards.sizes()) assert.ok(size >= 10);
  });

  it('are refused while their home is down, in time and with 503, and others are stored', async () => {
    const shards = new Shards(3, { shardsAtStart: () => 3 });
    const [dead, alive] = [await keyWith(1, [], 3), await keyWith(2, [], 3)];
    shards.databases[1]!.fail('before');
    for (let round = 0; round < 2; round++) {
      const results = await shards.store.insert([keyed(dead), aNewTimer(t0), keyed(`${alive}`)]);
      assert.deepEqual(
        results.map((result) => (result.kind === 'refused' ? result.error.code : result.kind)),
        ['store_unavailable', 'created', round === 0 ? 'created' : 'existing'],
      );
    }
    await assert.rejects(shards.store.insert([keyed(dead)]), { code: 'store_unavailable', message: /^Shard 1/ });
    assert.deepEqual((await shards.sizes())[1], 0);
    shards.databases[1]!.fail('none');
    await shards.clock.advance(2_000);
    assert.deepEqual(shardsOf(await putEach(shards.store, keyed(dead))), [1]);
  });

  it('are found where they were stored before the list of shards grew', async () => {
    const shards = new Shards(4);
    const short = shards.open({ length: 2 });
    const ids = await putEach(short, ...Array.from({ length: 40 }, (_, index) => keyed(`k${index}`)));
    for (const [index, id] of ids.entries()) {
      const [result] = await shards.store.insert([keyed(`k${index}`)]);
      assert.equal(result?.kind, 'existing');
      assert.equal(result.id, id);
      assert.equal((await shards.store.findKey('default', { key: `k${index}`, fingerprint: 'f' }))?.id, id);
      assert.equal((await shards.store.findKey('default', { key: `k${index}`, fingerprint: 'g' }))?.kind, 'conflict');
    }
    assert.deepEqual(await shards.store.findKey('default', { key: 'never used', fingerprint: 'f' }), undefined);
    assert.deepEqual((await shards.sizes()).slice(2), [0, 0]);
  });

  it('are refused where an earlier home cannot be asked, whatever ails it, and nothing is stored', async () => {
    const key = await keyWith(2, [0]);
    for (const fail of ['down', 'hung'] as const) {
      const shards = new Shards(3);
      if (fail === 'down') shards.databases[0]!.fail('before');
      else shards.databases[0]!.hang();
      const insert = assert.rejects(shards.store.insert([keyed(key)]), { code: 'store_unavailable' });
      const find = assert.rejects(shards.store.findKey('default', { key, fingerprint: 'f' }));
      await shards.clock.advance(2_000);
      await insert;
      await find;
      await assert.rejects(shards.store.insert([keyed(key)]), { code: 'store_unavailable' });
      assert.equal(shards.databases[0]!.count('findKey'), 2, 'not while it is down');
      assert.deepEqual((await shards.sizes())[2], 0);
    }
  });

  it('are stored though an earlier home is down, where the list never was shorter', async () => {
    const key = await keyWith(2, [0]);
    const shards = new Shards(3, { shardsAtStart: () => 3 });
    shards.databases[0]!.fail('before');
    assert.deepEqual(shardsOf(await putEach(shards.store, keyed(key))), [2]);
  });

  it('leave a shard that drains, and are found there all the same', async () => {
    const shards = new Shards(3, { shardsAtStart: () => 3 });
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    const before = await putEach(shards.store, ...keys.slice(0, 15).map((key) => keyed(key)));
    const draining = shards.open({ draining: [1], shardsAtStart: () => 3 });
    const results = await draining.insert(keys.map((key) => keyed(key)));
    for (const [index, result] of results.entries()) {
      assert.ok(result.kind === 'existing' || (result.kind === 'created' && shardOf(result.id) !== 1));
      assert.equal(result.kind === 'existing', index < 15);
      if (index < 15) assert.equal(result.kind === 'existing' && result.id, before[index]);
    }
    assert.ok(shardsOf(before).includes(1));
  });

  it('keep their places in a batch, whatever becomes of each', async () => {
    const shards = new Shards(3, { shardsAtStart: () => 3 });
    const [one, two] = [await keyWith(0, [], 3), await keyWith(2, [], 3)];
    await putEach(shards.store, keyed(two));
    const results = await shards.store.insert([
      keyed(two),
      aNewTimer(t0, { dueAt: t0 + 1 }),
      keyed(one, { dueAt: t0 + 2 }),
      keyed(two, { idempotency: { key: two, fingerprint: 'other' } }),
      keyed(one),
      aNewTimer(t0, { dueAt: t0 + 3 }),
    ]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['existing', 'created', 'created', 'conflict', 'existing', 'created'],
    );
    const dues = [1, 2, 5].map(async (index) => (await shards.store.get(idOf(results[index])))?.dueAt);
    assert.deepEqual(await Promise.all(dues), [t0 + 1, t0 + 2, t0 + 3]);
  });

  it('of a large batch are asked for a few at a time', async () => {
    const shards = new Shards(2, { answerMsMax: 60_000 });
    shards.databases[0]!.hang();
    const insert = shards.store.insert(Array.from({ length: 200 }, (_, index) => keyed(`k${index}`)));
    await settlePromises();
    assert.equal(shards.databases[0]!.count('findKey'), 16);
    shards.databases[0]!.unhang();
    assert.equal((await insert).length, 200);
  });
});

describe('a batch of which nothing was stored', () => {
  it('says that it is not known where one part may have been', async () => {
    const shards = new Shards(2, { shardsAtStart: () => 2 });
    shards.databases[0]!.throwing('insert', new PunctualError('store_unavailable'));
    shards.databases[1]!.throwing('insert', new PunctualError('commit_unknown'));
    const timers = Array.from({ length: 8 }, (_, index) => keyed(`k${index}`));
    await assert.rejects(shards.store.insert(timers), { code: 'commit_unknown' });
    await assert.rejects(shards.store.insert(timers.toReversed()), { code: 'store_unavailable' }, 'both are down now');
  });
});

it('an insert that still looks for its key is finished on close, and none begins after', async () => {
  const shards = new Shards(3);
  const many = Array.from({ length: 30 }, (_, index) => keyed(`k${index}`));
  const insert: ReturnType<Store['insert']> = shards.store.insert(many);
  await shards.store.close();
  assert.equal((await insert).length, 30);
  await assert.rejects(shards.store.insert(plain(1)), { code: 'store_unavailable' });
  assert.equal(
    shards.databases[0]!.count('insert') + shards.databases[1]!.count('insert') + shards.databases[2]!.count('insert'),
    3,
  );
});
