import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deleteEnded, deleteKeys } from '../../../src/store/mysql/statements/changes.ts';
import { idToBytes } from '../../../src/timer/id.ts';
import { cancel } from '../../../src/timer/transition.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { type Ask, connectTo, openStore, unavailable } from './scratch.ts';

const keyed = () => aNewTimer(t0, { idempotency: { key: 'k', fingerprint: 'f' } });

/** Resolves once a session waits for a lock that another holds. */
async function untilOneWaits(ask: Ask): Promise<void> {
  const waiting = `SELECT COUNT(*) FROM information_schema.processlist
    WHERE db = DATABASE() AND command = 'Query' AND info LIKE 'INSERT INTO \`keys\`%'`;
  while ((await ask(waiting))[0]![0] === 0) await new Promise(setImmediate);
}

describe('keys of the MySQL engine', { skip: unavailable }, () => {
  it('create a timer where the one that they led to is being purged', async (t) => {
    const url = await freshDatabase('mysql', t);
    const store = await openStore(t, { url });
    const old = keyed();
    await store.insert([old]);
    const before = (await store.get(old.id))!;
    const verdict = cancel(before, t0);
    assert.ok('after' in verdict);
    await store.change({ before, after: verdict.after });
    const [purge, looks] = [await connectTo(t, url), await connectTo(t, url)];
    const key = { tenant: old.tenant, key: 'k' };
    await purge('START TRANSACTION', deleteEnded(0, [idToBytes(old.id)]), deleteKeys(0, [key]));

    const fresh = keyed();
    const inserting = store.insert([fresh]);
    await untilOneWaits(looks);
    await purge('COMMIT');
    assert.deepEqual(await inserting, [{ kind: 'created', id: fresh.id }]);
    assert.equal((await store.get(fresh.id))?.id, fresh.id);
    const repeated = await store.insert([keyed()]);
    assert.deepEqual(repeated, [{ kind: 'existing', id: fresh.id, dueAt: fresh.dueAt }]);
  });
});
