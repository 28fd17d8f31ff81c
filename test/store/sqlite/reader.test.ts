import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Report, WorkerData } from '../../../src/store/sqlite/protocol.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { openStore, scratchFolder } from './scratch.ts';

describe('reading from a SQLite store', () => {
  it('is answered call by call, so that none waits for those behind it', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    await openStore(t, { path });
    const workerData: WorkerData = {
      role: 'reader',
      path,
      pageCountMax: null,
      listRowsMax: 10,
      expireLeases: false,
      pauseMs: 0,
    };
    const worker = new Worker(new URL('../../../src/store/sqlite/worker.ts', import.meta.url), { workerData });
    const reports: Report[] = [];
    worker.on('message', (report: Report) => reports.push(report));
    // All are there before the worker looks.
    for (let number = 1; number <= 20; number++) worker.postMessage([number, 'counts', [t0]]);
    worker.postMessage([21, 'close', []]);
    await once(worker, 'exit');
    const answered = reports.flatMap((report) => (report.kind === 'answers' ? [report.answers.map(([n]) => n)] : []));
    assert.deepEqual(
      answered,
      Array.from({ length: 21 }, (_, index) => [index + 1]),
    );
  });

  it('refuses the ninth list at a time and the second audit, and goes on when there is room', async (t) => {
    const store = await openStore(t);
    await store.insert([aNewTimer(t0)]);
    const list = () => store.list({ tenant: 'default', nowMs: t0, limit: 1 });
    const codesOf = async (calls: readonly Promise<unknown>[]) =>
      (await Promise.allSettled(calls)).map((result) => (result.status === 'rejected' ? result.reason.code : 'read'));
    const lists = await codesOf(Array.from({ length: 10 }, list));
    assert.deepEqual(lists, [...Array(8).fill('read'), 'overloaded', 'overloaded']);
    assert.deepEqual(await codesOf([store.audit(t0), store.audit(t0), store.counts(t0)]), [
      'read',
      'overloaded',
      'read',
    ]);
    assert.deepEqual(await codesOf([list(), store.audit(t0)]), ['read', 'read']);
  });
});
