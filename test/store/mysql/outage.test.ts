import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MysqlStore } from '../../../src/store/mysql/store.ts';
import { isStoreOutage } from '../../../src/timer/errors.ts';
import { FakeClock, settlePromises } from '../../support/fake-clock.ts';
import type { DatabaseServer } from '../../support/servers/database-server.ts';
import { startMysql } from '../../support/servers/mysql-server.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, checkLedger, holdOf, t0 } from '../conformance.ts';
import { openStore, parts, unavailable } from './scratch.ts';

describe('a MySQL server that goes away', { skip: unavailable }, () => {
  let server: DatabaseServer;
  let databases = 0;
  const urlOfNew = () => new URL(`/outage_${++databases}`, server.url).href;

  before(async () => {
    server = await startMysql();
  });

  after(() => server.stop());

  it('takes nothing with it that was answered, when it is killed under load, and is used again when it returns', async (t) => {
    const store = await openStore(t, { url: urlOfNew() });
    const accepted = new Set<string>();
    const unknown = new Set<string>();
    const load = Array.from({ length: 12 }, () => insertUntilDown(store, accepted, unknown));
    while (accepted.size < 200) await store.time();
    await server.kill('SIGKILL');
    await Promise.all(load);
    await assert.rejects(store.insert([aNewTimer(t0)]), { code: 'store_unavailable' });
    await assert.rejects(store.get(aNewTimer(t0).id), { code: 'store_unavailable' });
    await assert.rejects(store.time(), { code: 'store_unavailable' });
    await server.start();
    const claimed = await store.claim(aClaim({ limit: 100_000, bytesMax: 1e9 }));
    const found = new Set<string>(claimed.map(({ timer }) => timer.id));
    assert.deepEqual(
      [...accepted].filter((id) => !found.has(id)),
      [],
      'what was answered is there',
    );
    assert.deepEqual(
      [...found].filter((id) => !accepted.has(id) && !unknown.has(id)),
      [],
      'and nothing that failed',
    );
    assert.equal((await checkLedger(store)).accepted, found.size);
    assert.deepEqual(await store.begin([holdOf(claimed[0]!.timer)]), ['applied']);
  });

  it('holds up no verb for ever when it stops in the middle, and closing neither', async () => {
    const clock = new FakeClock();
    const store = await MysqlStore.open({ ...parts, clock, url: urlOfNew() });
    await store.insert([aNewTimer(t0)]);
    await store.counts(t0);
    await store.time();
    await server.kill('SIGSTOP');
    try {
      const verbs = [
        ['insert', store.insert([aNewTimer(t0)])],
        ['claim', store.claim(aClaim())],
        ['change', store.get(aNewTimer(t0).id)],
        ['counts', store.counts(t0)],
        ['time', store.time()],
        // Needs a connection that is not there yet.
        ['purge', store.purge({ endedBefore: t0, limit: 1 })],
      ] as const;
      const codes = verbs.map(([name, call]) =>
        call.then(
          () => assert.fail(`${name} was answered`),
          (error: { code: string }) => assert.match(error.code, /^(store_unavailable|commit_unknown)$/, name),
        ),
      );
      await settlePromises();
      await clock.advance(60_000);
      await Promise.all(codes);
      const closing = store.close();
      await clock.advance(60_000);
      await closing;
    } finally {
      await server.kill('SIGCONT');
    }
  });
});

/** Inserts two timers at a time until that fails. Notes the ids of those that were answered, and of those whose fate is not known. */
async function insertUntilDown(store: MysqlStore, accepted: Set<string>, unknown: Set<string>): Promise<void> {
  for (;;) {
    const timers = [aNewTimer(t0), aNewTimer(t0)];
    try {
      for (const result of await store.insert(timers)) if ('id' in result) accepted.add(result.id);
    } catch (error) {
      assert.ok(isStoreOutage(error), String(error));
      if (error.code === 'commit_unknown') for (const { id } of timers) unknown.add(id);
      return;
    }
  }
}
