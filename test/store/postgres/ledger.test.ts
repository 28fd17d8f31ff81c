import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from 'pg';
import { statements } from '../../../src/store/postgres/statements.ts';
import type { Store } from '../../../src/store/store.ts';
import type { Settlement } from '../../../src/timer/transition.ts';
import { cancel, resolve, retry } from '../../../src/timer/transition.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, aSettlement, checkLedger, holdOf, t0 } from '../conformance.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

/** So many transactions write to the ledger between two folds of one store (foldEvery in store.ts). */
const foldEvery = 200;

const nexts: readonly Settlement['next'][] = [
  { ended: { status: 'done', at: t0 } },
  { ended: { status: 'failed', at: t0 } },
  { ended: { status: 'uncertain', at: t0 } },
  { retryAt: t0 + 1_000 },
];

/** Drives a store through everything that writes to the ledger, a little of each, until `isOver`. Gives how many calls it made. */
async function work(store: Store, seed: number, isOver: () => boolean): Promise<number> {
  const { fraction } = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(fraction() * items.length)]!;
  const owner = `owner ${seed}`;
  const verdicts = [cancel, retry, (timer: Parameters<typeof cancel>[0], at: number) => resolve(timer, 'done', at)];
  let calls = 0;
  for (; !isOver(); calls++) {
    const key = { key: `k${Math.floor(fraction() * 500)}`, fingerprint: 'f' };
    const news = [aNewTimer(t0), aNewTimer(t0, { idempotency: fraction() < 0.3 ? key : null })];
    const [inserted] = await store.insert(news);
    const claimed = await store.claim(aClaim({ owner, limit: 3, expiredBy: fraction() < 0.1 ? t0 + 9_000 : 0 }));
    await store.settle(claimed.map(({ timer }) => ({ ...holdOf(timer), settlement: aSettlement(pick(nexts)) })));
    const before = inserted && 'id' in inserted ? await store.get(inserted.id) : undefined;
    const verdict = before && pick(verdicts)(before, t0);
    if (before && verdict && 'after' in verdict) await store.change({ before, after: verdict.after });
    if (calls % 10 === 0) await store.purge({ endedBefore: t0 + 1, limit: 5 });
  }
  return calls;
}

/** Asks for the counts by the ledger and by the rows, of one moment. */
async function bothCounts(client: Client): Promise<[ledger: unknown[], rows: unknown[]]> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const ask = async (text: string) => {
    const { rows } = await client.query({ text, values: [0, t0 + 500], rowMode: 'array' });
    return (rows as unknown[][])[0]!.map((value) => (value === null ? null : Number(value)));
  };
  const both = [await ask(statements.counts), await ask(statements.audit)] as const;
  await client.query('COMMIT');
  return [...both];
}

async function rowsOf(client: Client): Promise<number> {
  const { rows } = await client.query('SELECT count(*)::integer AS count FROM ledger');
  return rows[0].count;
}

describe('the ledger on PostgreSQL', { skip: unavailable }, () => {
  it('says at every moment what the rows say, and stays short, while several stores write and fold', async (t) => {
    const url = await freshDatabase('postgres', t);
    const stores = await Promise.all(Array.from({ length: 3 }, () => openStore(t, { url })));
    const client = await connectTo(t, url);
    let isOver = false;
    const working = Promise.all(
      stores.flatMap((store, n) => [work(store, n, () => isOver), work(store, n + 10, () => isOver)]),
    );
    let longest = 0;
    for (let look = 0; look < 300; look++) {
      const [ledger, rows] = await bothCounts(client);
      assert.deepEqual(ledger, rows, `look ${look}`);
      longest = Math.max(longest, await rowsOf(client));
      const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = await stores[0]!.counts(t0);
      assert.equal(accepted, waiting + executing + done + failed + cancelled + uncertain + purged);
      assert.ok(waiting >= 0);
      if (look % 10 === 0) await client.query({ text: statements.fold, values: [0, 10] });
    }
    isOver = true;
    const calls = (await working).reduce((sum, count) => sum + count);
    assert.ok(calls > 500, `${calls} rounds of work`);
    const counts = await checkLedger(stores[0]!);
    for (const state of ['done', 'failed', 'cancelled', 'uncertain', 'purged'] as const) {
      assert.ok(counts[state] > 0, `nothing was ever ${state}`);
    }
    assert.ok(longest < stores.length * foldEvery + 200, `${longest} rows`);
  });

  it('folds by itself, to fewer rows than there were batches', async (t) => {
    const url = await freshDatabase('postgres', t);
    const store = await openStore(t, { url, buckets: 2 });
    for (let batch = 0; batch < 1_000; batch++) await store.insert([aNewTimer(t0)]);
    const before = await checkLedger(store);
    // Waits for the fold that the last batch began.
    await store.close();
    const client = await connectTo(t, url);
    const rows = await rowsOf(client);
    assert.ok(rows < 2 * foldEvery, `${rows} rows`);
    await client.query({ text: statements.fold, values: [0, 1_000] });
    await client.query({ text: statements.fold, values: [1, 1_000] });
    assert.equal(await rowsOf(client), 2);
    assert.deepEqual(await checkLedger(await openStore(t, { url })), before);
  });

  it('is folded while others wait to write to it', async (t) => {
    const url = await freshDatabase('postgres', t);
    const store = await openStore(t, { url });
    for (let batch = 0; batch < 5; batch++) await store.insert([aNewTimer(t0)]);
    const client = await connectTo(t, url);
    await client.query('BEGIN');
    await client.query({ text: statements.fold, values: [0, 1_000] });
    await store.insert([aNewTimer(t0)]);
    assert.equal((await store.counts(t0)).accepted, 6);
    const other = await connectTo(t, url);
    await other.query({ text: statements.fold, values: [0, 1_000] });
    await client.query('COMMIT');
    assert.equal((await checkLedger(store)).accepted, 6);
    assert.equal(await rowsOf(client), 2);
  });
});
