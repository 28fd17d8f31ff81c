import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { cancel } from '../../../src/timer/transition.ts';
import { aNewTimer, aSpec } from '../../support/timers.ts';
import { aClaim, checkLedger, holdOf, t0 } from '../conformance.ts';
import { openStore, scratchFolder } from './scratch.ts';

describe('a SQLite store', () => {
  it('is refused to another process while one has it open', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const store = await openStore(t, { path });
    const program = join(import.meta.dirname, '../../support/insert-until-killed.ts');
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => {
      child.kill('SIGKILL');
    });
    assert.deepEqual(await Array.fromAsync(createInterface({ input: child.stdout })), ['store_locked']);
    await store.insert([aNewTimer(t0)]);
  });

  it('gives back at once, marks and all, what a dead process held', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const first = await openStore(t, { path });
    const now = await first.time();
    const news = [-5_000, 400].map((due) => aNewTimer(now, { dueAt: now + due }));
    await first.insert(news);
    const claimed = await first.claim(aClaim({ horizonAt: now + 500, leaseUntil: now + 600_000 }));
    await first.begin(claimed.map(({ timer }) => holdOf(timer)));
    await first.close();

    const second = await openStore(t, { path });
    const at = await second.time();
    const again = await second.claim(aClaim({ owner: 'two', nowMs: at, horizonAt: at, expiredBy: at }));
    assert.deepEqual(
      again.map(({ timer, takenFrom }) => [timer.id, timer.claim, timer.begunClaim, takenFrom]),
      news.map(({ id }) => [id, 2, 1, 'one']),
    );
    assert.equal(again[0]!.claimableAt, now - 5_000);
    assert.ok(again[1]!.claimableAt <= at);
  });

  it('commits what waits at the same time together, and writes nothing where there is nothing to say', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const store = await openStore(t, { path });
    // Every commit appends at least the pages that it changed to the WAL, 4 KiB each, and never fewer than two.
    const walBytes = async () => (await stat(`${path}-wal`)).size;
    const before = await walBytes();
    await Promise.all(Array.from({ length: 200 }, () => store.insert([aNewTimer(t0)])));
    const after = await walBytes();
    assert.ok(after - before < 50 * 2 * 4_096, `${after - before} bytes for 200 inserts`);
    await store.claim(aClaim({ horizonAt: 0 }));
    assert.equal(await walBytes(), after);
  });

  it('lets a call that fails fail alone, though it shared a transaction', async (t) => {
    const store = await openStore(t);
    const first = aNewTimer(t0);
    await store.insert([first]);
    const results = await Promise.allSettled([
      store.insert([aNewTimer(t0)]),
      store.insert([aNewTimer(t0), first]),
      store.claim(aClaim({ limit: 1 })),
      store.insert([aNewTimer(t0)]),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.equal((await checkLedger(store)).accepted, 3);
  });

  it('sees in a read what was written before it was asked', async (t) => {
    const store = await openStore(t);
    for (let round = 0; round < 50; round++) {
      const fresh = aNewTimer(t0);
      await store.insert([fresh]);
      assert.ok(await store.get(fresh.id), `round ${round}`);
    }
  });

  it('says that it is full, keeps what it has, and goes on when there is room again', async (t) => {
    const store = await openStore(t, { pageCountMax: 300 });
    const big = () => aNewTimer(t0, { spec: aSpec({ body: 'x'.repeat(50_000) }) });
    let stored = 0;
    await assert.rejects(
      async () => {
        for (; stored < 100; stored++) await store.insert([big()]);
      },
      { code: 'store_full', message: /punctual\.db/ },
    );
    assert.ok(stored > 5, `${stored} timers fitted`);
    assert.equal((await checkLedger(store)).accepted, stored);

    const [listed] = (await store.list({ tenant: 'default', nowMs: t0, limit: 1 })).timers;
    const before = await store.get(listed!.id);
    const verdict = cancel(before!, t0);
    assert.ok('after' in verdict);
    assert.equal(await store.change({ before: before!, after: verdict.after }), 'applied');
    assert.equal(await store.purge({ endedBefore: t0 + 1, limit: 1 }), 1);
    await store.insert([big()]);
    assert.equal((await checkLedger(store)).accepted, stored + 1);
  });

  it('spends at most 250 bytes on a plain timer, indexes and all', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const store = await openStore(t, { path });
    const spec = aSpec({ url: 'https://shop.example.com/orders/expired/' });
    assert.equal(spec.url.length, 40);
    const count = 5_000;
    const timers = Array.from({ length: count }, (_, index) =>
      aNewTimer(t0 + index, { spec, dueAt: t0 + ((index * 7_919) % count) * 1_000 }),
    );
    await store.insert(timers);
    await store.close();
    const bytes = (await stat(path)).size / count;
    assert.ok(bytes <= 250, `${bytes} bytes`);
  });

  it('keeps its WAL small under steady writing', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const store = await openStore(t, { path });
    for (let round = 0; round < 60; round++) {
      await store.insert(
        Array.from({ length: 10 }, () => aNewTimer(t0, { spec: aSpec({ body: 'x'.repeat(50_000) }) })),
      );
    }
    const { size } = await stat(`${path}-wal`);
    assert.ok((await stat(path)).size > 25_000_000);
    assert.ok(size < 10_000_000, `${size} bytes`);
  });
});
