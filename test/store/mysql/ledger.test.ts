import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connections } from '../../../src/store/mysql/connections.ts';
import { fold } from '../../../src/store/mysql/ledger.ts';
import { foldable } from '../../../src/store/mysql/statements/ledger.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { checkLedger, type TestContext, t0 } from '../conformance.ts';
import { connectTo, openStore, parts, unavailable } from './scratch.ts';

const rowsIn = 'SELECT COUNT(*) FROM ledger WHERE bucket = 0';

async function scene(t: TestContext) {
  const url = await freshDatabase('mysql', t);
  const store = await openStore(t, { url });
  const connections = new Connections({ ...parts, url, packetBytesMax: 1 << 20 });
  t.after(() => connections.close());
  const ask = await connectTo(t, url);
  const rows = async () => (await ask(rowsIn))[0]![0] as number;
  const insertOneByOne = async (count: number) => {
    for (let n = 0; n < count; n++) await store.insert([aNewTimer(t0)]);
  };
  return { store, connections, ask, rows, insertOneByOne };
}

describe('the ledger on MySQL', { skip: unavailable }, () => {
  it('grows by a row with each transaction, and folds to one that says the same', async (t) => {
    const { store, connections, rows, insertOneByOne } = await scene(t);
    await insertOneByOne(10);
    assert.equal(await rows(), 10);
    const before = await checkLedger(store);
    await fold(connections, 0);
    assert.equal(await rows(), 1);
    assert.deepEqual(await checkLedger(store), before);
    await fold(connections, 0);
    assert.equal(await rows(), 1);
  });

  it('folds by itself now and then', async (t) => {
    const { store, rows, insertOneByOne } = await scene(t);
    await insertOneByOne(250);
    // The fold began some inserts ago, and is waited for by close.
    await store.close();
    assert.ok((await rows()) < 100);
  });

  it('is folded by several at once without losing or doubling a row', async (t) => {
    const { store, connections, insertOneByOne, rows } = await scene(t);
    await insertOneByOne(60);
    const counting = Promise.all(Array.from({ length: 20 }, () => store.counts(t0)));
    await Promise.all([fold(connections, 0), fold(connections, 0), insertOneByOne(20), fold(connections, 0)]);
    for (const { accepted, waiting } of await counting) {
      assert.equal(accepted, waiting);
      assert.ok(accepted >= 60 && accepted <= 80);
    }
    await fold(connections, 0);
    assert.equal(await rows(), 1);
    assert.equal((await checkLedger(store)).accepted, 80);
  });

  it('goes on being written while somebody folds', async (t) => {
    const { store, ask, insertOneByOne } = await scene(t);
    await insertOneByOne(3);
    assert.equal((await ask('START TRANSACTION', foldable(0, 500))).length, 3);
    await insertOneByOne(3);
    assert.equal((await store.counts(t0)).accepted, 6);
  });
});
