import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NewTimer } from '../../../src/timer/timer.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer, aSpec } from '../../support/timers.ts';
import { aClaim, anAttempt, checkLedger, holdOf, t0 } from '../conformance.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

const keyed = (key: string, tenant = 'default', change: Partial<NewTimer> = {}): NewTimer =>
  aNewTimer(t0, { tenant, idempotency: { key, fingerprint: 'f' }, ...change });

describe('what the MySQL engine keeps', { skip: unavailable }, () => {
  it('tells keys and tenants apart that collations would not', async (t) => {
    const store = await openStore(t);
    const keys = ['key', 'KEY', 'kéy', 'kèy', 'key ', ' key', 'key\0', "k'ey", 'k\\ey', 'k%y', 'ﬀ', 'ff'];
    const timers = [...keys.map((key) => keyed(key)), keyed('key', 'Default'), keyed('key', 'default ')];
    const results = await store.insert(timers);
    assert.ok(results.every(({ kind }) => kind === 'created'));
    const again = await store.insert(timers.map(({ idempotency, tenant }) => keyed(idempotency!.key, tenant)));
    assert.deepEqual(
      again.map((result) => 'id' in result && result.id),
      timers.map(({ id }) => id),
    );
    assert.deepEqual((await store.findKey('default', { key: 'KEY', fingerprint: 'f' }))?.id, timers[1]!.id);
  });

  it('tells owners apart that collations would not', async (t) => {
    const store = await openStore(t);
    await store.insert([aNewTimer(t0)]);
    const [claimed] = await store.claim(aClaim({ owner: 'one' }));
    const hold = holdOf(claimed!.timer);
    for (const owner of ['One', 'one ', 'óne']) assert.deepEqual(await store.begin([{ ...hold, owner }]), ['lost']);
    assert.deepEqual(await store.begin([hold]), ['applied']);
  });

  it('says of a timer that is inserted again under its key and id that it exists', async (t) => {
    const store = await openStore(t);
    const timer = keyed('k');
    await store.insert([timer]);
    assert.deepEqual(await store.insert([timer, aNewTimer(t0)]).then(([first]) => first), {
      kind: 'existing',
      id: timer.id,
      dueAt: timer.dueAt,
    });
    assert.equal((await checkLedger(store)).accepted, 2);
  });

  it('refuses a batch with one id twice, and names it', async (t) => {
    const store = await openStore(t);
    const timer = aNewTimer(t0);
    await assert.rejects(store.insert([timer, aNewTimer(t0), timer]), {
      code: 'internal',
      message: new RegExp(timer.id),
    });
    assert.equal((await checkLedger(store)).accepted, 0);
  });

  it('takes batches of more rows than one statement, and more bytes than one packet', async (t) => {
    const store = await openStore(t, { buckets: 2 });
    // Quotes and backslashes are doubled on their way.
    const body = `'\\"\0${"'".repeat(300_000)}`;
    const large = Array.from({ length: 20 }, (_, n) => aNewTimer(t0, { spec: aSpec({ body: `${n}${body}` }) }));
    const many = Array.from({ length: 1_234 }, (_, n) => (n % 3 ? aNewTimer(t0) : keyed(`k${n}`)));
    const results = await store.insert([...large, ...many]);
    assert.ok(results.every(({ kind }) => kind === 'created'));
    assert.equal((await store.get(large[7]!.id))!.spec.body, `7${body}`);
    const claimed = await store.claim(aClaim({ limit: 2_000, bytesMax: 100_000_000 }));
    assert.equal(claimed.length, 1_254);
    assert.ok(claimed.some(({ timer }) => timer.spec.body === `19${body}`));
    const holds = claimed.map(({ timer }) => holdOf(timer));
    for (const results of [await store.begin(holds), await store.extend(holds, t0 + 9_000)]) {
      assert.ok(results.every((result) => result === 'applied'));
    }
    const attempts = Array.from({ length: 4 }, (_, n) => anAttempt({ number: n + 1, response: '\\"\0'.repeat(341) }));
    const settlements = holds.map((hold, n) => ({
      ...hold,
      settlement: {
        attempts,
        attemptsMade: 4,
        attemptsMax: 12,
        next: n % 2 ? { retryAt: t0 + 1 } : ({ ended: { status: 'done', at: t0 } } as const),
      },
    }));
    assert.ok((await store.settle(settlements)).every((result) => result === 'applied'));
    assert.deepEqual((await store.get(holds[8]!.id))!.attempts, attempts);
    assert.deepEqual((await store.get(holds[9]!.id))!.attempts, attempts);
    assert.equal((await checkLedger(store)).done, 627);
    assert.equal(await store.purge({ endedBefore: t0 + 1, limit: 600 }), 600);
    await checkLedger(store);
  });

  it('keeps a settlement without attempts as one, and knows it again', async (t) => {
    const store = await openStore(t);
    await store.insert([aNewTimer(t0), aNewTimer(t0)]);
    const nexts = [{ retryAt: t0 + 9 }, { ended: { status: 'failed', at: t0 } }] as const;
    const settlements = (await store.claim(aClaim())).map(({ timer }, n) => ({
      ...holdOf(timer),
      settlement: { attempts: [], attemptsMade: 1, attemptsMax: 8, next: nexts[n]! },
    }));
    assert.deepEqual(await store.settle(settlements), ['applied', 'applied']);
    for (const { id } of settlements) assert.deepEqual((await store.get(id))!.attempts, []);
    assert.deepEqual(await store.settle(settlements), ['applied', 'applied']);
  });

  it('claims no more than the bytes allow without reading the rest', async (t) => {
    const url = await freshDatabase('mysql', t);
    const store = await openStore(t, { url });
    await store.insert(Array.from({ length: 20 }, () => aNewTimer(t0, { spec: aSpec({ body: 'x'.repeat(100_000) }) })));
    const ask = await connectTo(t, url);
    const sent = async () => Number((await ask("SHOW GLOBAL STATUS LIKE 'Bytes_sent'"))[0]![1]);
    const before = await sent();
    assert.equal((await store.claim(aClaim({ bytesMax: 250_000 }))).length, 2);
    // Other tests may be at the server; two bodies and their likes are far from twenty.
    assert.ok((await sent()) - before < 1_500_000);
  });
});
