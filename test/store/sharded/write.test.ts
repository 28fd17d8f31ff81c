import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sharesOf } from '../../../src/store/sharded/shares.ts';
import type { Claimed, Hold } from '../../../src/store/store.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { shardOf, withShard } from '../../../src/timer/id.ts';
import { specBytes } from '../../../src/timer/spec-bytes.ts';
import { cancel } from '../../../src/timer/transition.ts';
import { aNewTimer, aSpec } from '../../support/timers.ts';
import { aClaim, aSettlement, holdOf, t0 } from '../conformance.ts';
import { putEach, Shards } from './shards.ts';

const done = aSettlement({ ended: { status: 'done', at: t0 } });

/** Timers in every shard, claimed; their holds in an order in which the shards alternate. */
async function held(shards: Shards, count = 6): Promise<Hold[]> {
  const ids = await putEach(shards.store, ...Array.from({ length: count }, () => aNewTimer(t0)));
  const claimed = await shards.store.claim(aClaim());
  const byId = new Map(claimed.map(({ timer }) => [timer.id, holdOf(timer)]));
  return ids.map((id) => byId.get(id)!);
}

describe('writes under holds', () => {
  const verbs = {
    begin: (shards: Shards, holds: readonly Hold[]) => shards.store.begin(holds),
    extend: (shards: Shards, holds: readonly Hold[]) => shards.store.extend(holds, t0 + 60_000),
    settle: (shards: Shards, holds: readonly Hold[]) =>
      shards.store.settle(holds.map((hold) => ({ ...hold, settlement: done }))),
    release: (shards: Shards, holds: readonly Hold[]) =>
      shards.store.release(holds.map((hold) => ({ ...hold, claimAt: t0 + 5_000 }))),
  };

  for (const [verb, write] of Object.entries(verbs) as [keyof typeof verbs, (typeof verbs)[keyof typeof verbs]][]) {
    it(`${verb}: one batch for each shard, and the results in order`, async () => {
      const shards = new Shards(3);
      const holds = await held(shards);
      const strange = { ...holds[0]!, id: withShard(holds[0]!.id, 3) };
      const mixed = [holds[0]!, holds[1]!, { ...holds[2]!, claim: 9 }, strange, holds[3]!, holds[4]!, holds[5]!];
      const expected = ['applied', 'applied', 'lost', 'lost', 'applied', 'applied', 'applied'];
      assert.deepEqual(await write(shards, mixed), expected);
      assert.deepEqual(
        shards.databases.map((database) => database.count(verb)),
        [1, 1, 1],
      );
    });
  }

  it('reach the right timers', async () => {
    const shards = new Shards(3);
    const holds = await held(shards);
    const settled = holds.filter((_hold, index) => index % 2 === 0);
    await shards.store.settle(settled.map((hold) => ({ ...hold, settlement: done })));
    await shards.store.begin(holds);
    await shards.store.extend(holds, t0 + 60_000);
    for (const [index, { id }] of holds.entries()) {
      const timer = (await shards.store.get(id))!;
      assert.equal(timer.ended?.status, index % 2 === 0 ? 'done' : undefined);
      assert.equal(timer.lease?.until, index % 2 === 0 ? undefined : t0 + 60_000);
      assert.equal(timer.begunClaim, index % 2 === 0 ? null : 1);
    }
  });

  const settle = (shards: Shards, holds: readonly Hold[]) => verbs.settle(shards, holds);

  it('of which one part was applied and another failed are not known', async () => {
    const shards = new Shards(3);
    const holds = await held(shards);
    shards.databases[1]!.fail('before', 'settle');
    await assert.rejects(settle(shards, holds), (error: PunctualError) => {
      assert.equal((error.cause as PunctualError).code, 'store_unavailable');
      return error.code === 'commit_unknown';
    });
    shards.databases[1]!.fail('none', 'settle');
    assert.deepEqual(await settle(shards, holds), Array(6).fill('applied'), 'they may be repeated');
  });

  it('fail with what the shard said where nothing was applied', async () => {
    const shards = new Shards(2);
    const holds = await held(shards);
    shards.databases[1]!.throwing('settle', new PunctualError('store_full'));
    const [here, there] = [0, 1].map((shard) => holds.filter(({ id }) => shardOf(id) === shard));
    await assert.rejects(settle(shards, there!), { code: 'store_full' });
    const lost = here!.map((hold) => ({ ...hold, claim: 9 }));
    await assert.rejects(settle(shards, [...lost, ...there!]), { code: 'store_full' });
    shards.databases[0]!.throwing('settle', new PunctualError('commit_unknown'));
    await assert.rejects(settle(shards, holds.toReversed()), { code: 'commit_unknown' });
    await assert.rejects(settle(shards, holds), { code: 'commit_unknown' });
  });

  it('fail with a defect as it is, but not before an outage is over', async () => {
    const shards = new Shards(3);
    const holds = await held(shards);
    shards.databases[0]!.throwing('settle', new TypeError('a defect'));
    shards.databases[1]!.throwing('settle', new PunctualError('store_unavailable'));
    const inTwo = holds.filter(({ id }) => shardOf(id) < 2);
    await assert.rejects(settle(shards, inTwo), { code: 'store_unavailable' });
    shards.databases[1]!.throwing('settle', undefined);
    await assert.rejects(settle(shards, holds), TypeError);
  });
});

describe('one timer', () => {
  it('is read and changed in its shard, whatever ails the others', async () => {
    const shards = new Shards(3);
    const ids = await putEach(shards.store, aNewTimer(t0), aNewTimer(t0), aNewTimer(t0));
    const [id] = ids.filter((one) => shardOf(one) === 2);
    shards.databases[0]!.fail('before');
    shards.databases[1]!.hang();
    const before = (await shards.store.get(id!))!;
    const verdict = cancel(before, t0);
    assert.ok('after' in verdict);
    assert.equal(await shards.store.change({ before, after: verdict.after }), 'applied');
    assert.equal((await shards.databases[2]!.memory.get(id!))?.ended?.status, 'cancelled');
  });

  it('fails with what its shard says', async () => {
    const shards = new Shards(2);
    const [id] = await putEach(shards.store, aNewTimer(t0));
    const before = (await shards.store.get(id!))!;
    shards.databases[shardOf(id!)]!.fail('after');
    await assert.rejects(shards.store.change({ before, after: before }), { code: 'commit_unknown' });
    // A read that got lost was done or not: it is all the same.
    await assert.rejects(shards.store.get(id!), { code: 'store_unavailable' });
  });

  it('of a shard that does not exist is not there', async () => {
    const shards = new Shards(2);
    const [id] = await putEach(shards.store, aNewTimer(t0));
    const before = { ...(await shards.store.get(id!))!, id: withShard(id!, 2) };
    assert.equal(await shards.store.get(before.id), undefined);
    assert.equal(await shards.store.change({ before, after: before }), 'lost');
  });
});

describe('a claim over shards', () => {
  const scene = fc.record({
    dues: fc.array(fc.array(fc.nat(1_000), { maxLength: 15 }), { minLength: 1, maxLength: 4 }),
    limit: fc.integer({ min: 1, max: 40 }),
  });

  it('takes what there is up to its limit, wherever it is, in order', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async ({ dues, limit }) => {
        const shards = new Shards(dues.length);
        for (const [shard, ofShard] of dues.entries()) {
          await shards.putIn(shard, ...ofShard.map((due) => aNewTimer(t0, { dueAt: t0 + due })));
        }
        const total = dues.flat().length;
        const claimed = await shards.store.claim(aClaim({ limit }));
        assert.equal(claimed.length, Math.min(limit, total));
        assert.deepEqual(
          claimed.map(at),
          claimed.map(at).toSorted((one, other) => one - other),
        );
        const rest = await shards.store.claim(aClaim());
        assert.equal(new Set([...claimed, ...rest].map(({ timer }) => timer.id)).size, total);
      }),
    );
  });

  const at = ({ claimableAt }: Claimed) => claimableAt;

  it('shares its limit among the shards', async () => {
    const shards = new Shards(3);
    await putEach(shards.store, ...Array.from({ length: 30 }, () => aNewTimer(t0)));
    const taken = (await shards.store.claim(aClaim({ limit: 9 }))).map(({ timer }) => shardOf(timer.id));
    assert.deepEqual(taken.toSorted(), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    const ones = Array.from({ length: 9 }, () => shards.store.claim(aClaim({ limit: 1 })));
    const from = (await Promise.all(ones)).flat().map(({ timer }) => shardOf(timer.id));
    assert.deepEqual(from.toSorted(), [0, 0, 0, 1, 1, 1, 2, 2, 2], 'also where it is smaller than their number');
  });

  it('takes no more bytes than asked for, but for one timer of each shard, and misses none for want of a share', async () => {
    const spec = aSpec({ body: 'x'.repeat(1_000) });
    const size = specBytes(spec);
    for (const [bytesMax, count] of [
      [0, 3],
      [size * 6, 6],
      [size * 12, 12],
      [size * 14, 14],
      [size * 100, 15],
    ] as const) {
      const shards = new Shards(3);
      for (const [shard, many] of [4, 4, 7].entries())
        await shards.putIn(shard, ...Array.from({ length: many }, () => aNewTimer(t0, { spec })));
      assert.equal((await shards.store.claim(aClaim({ bytesMax }))).length, count, `${bytesMax} bytes`);
    }
  });

  it('leaves out a shard that fails, and does not ask it while it is down', async () => {
    const shards = new Shards(3);
    await putEach(shards.store, ...Array.from({ length: 9 }, () => aNewTimer(t0)));
    shards.databases[1]!.fail('before');
    assert.equal((await shards.store.claim(aClaim({ limit: 5 }))).length, 5);
    assert.equal((await shards.store.claim(aClaim())).length, 1);
    assert.equal(shards.databases[1]!.count('claim'), 1);
    assert.deepEqual(await shards.store.claim(aClaim()), []);
    for (const database of shards.databases) database.fail('before');
    await assert.rejects(shards.store.claim(aClaim()), { code: 'store_unavailable' });
    await assert.rejects(shards.store.claim(aClaim()), { code: 'store_unavailable', message: /^Shard 0/ });
  });

  it('keeps what it has, though every shard fails later on', async () => {
    const shards = new Shards(2);
    await putEach(shards.store, ...Array.from({ length: 8 }, () => aNewTimer(t0)));
    const { claim } = shards.databases[0]!;
    shards.databases[1]!.fail('before');
    shards.databases[0]!.claim = async (request) => {
      const claimed = await claim(request);
      shards.databases[0]!.fail('before', 'claim');
      return claimed;
    };
    assert.equal((await shards.store.claim(aClaim({ limit: 4 }))).length, 2);
  });

  it('shows a defect of a shard as soon as the others have nothing', async () => {
    const shards = new Shards(2);
    await putEach(shards.store, aNewTimer(t0), aNewTimer(t0));
    shards.databases[0]!.throwing('claim', new TypeError('a defect'));
    assert.equal((await shards.store.claim(aClaim())).length, 1);
    await assert.rejects(shards.store.claim(aClaim()), TypeError);
  });
});

describe('a purge over shards', () => {
  it('deletes no more than its limit, wherever it is', async () => {
    const shards = new Shards(3);
    const holds = await held(shards, 9);
    await shards.store.settle(
      holds.filter(({ id }) => shardOf(id) !== 0).map((hold) => ({ ...hold, settlement: done })),
    );
    const purge = (limit: number) => shards.store.purge({ endedBefore: t0 + 1, limit });
    assert.equal(await purge(4), 4);
    shards.databases[0]!.fail('before');
    assert.equal(await purge(1), 1);
    assert.equal(await purge(4), 1);
    assert.equal(await purge(4), 0);
    for (const database of shards.databases) database.fail('before');
    await assert.rejects(purge(4), { code: 'store_unavailable' });
  });
});

it('shares are whole, add up, and differ by one at most; the larger ones go round', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.integer({ min: 1, max: 9 }), fc.nat(100), (total, count, first) => {
      const shares = sharesOf(total, count, first);
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        total,
      );
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
    }),
  );
  assert.deepEqual(sharesOf(5, 3, 2), [2, 1, 2]);
});
