import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import workerThreads, {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type WorkerOptions,
} from 'node:worker_threads';
import { SqliteStore } from '../../../src/store/sqlite/store.ts';
import type { TestContext } from '../conformance.ts';
import { scratchFolder } from '../sqlite/scratch.ts';
import { Disturbed, type Meter, type MeteredEngine, type Work } from './meter.ts';

/**
 * SQLite as the service runs it, in threads of its own. Statements are those that SQLite ends, as node:sqlite tells them. Without a tracer
 * nothing counts fsyncs: commits are counted in the write-ahead log, which SQLite syncs once for each, since the engine sees to
 * `synchronous=FULL` (https://sqlite.org/pragma.html#pragma_synchronous). Checkpoints, one for every 1,000 pages of log, are not in it.
 */
export const sqlite: MeteredEngine = { name: 'SQLite', unavailable: false, open: openMeter };

/** As it is before it is replaced: an import of it would be replaced too. */
const { Worker } = workerThreads;

async function openMeter(context: TestContext): Promise<Meter> {
  let opened: SqliteStore | undefined;
  // Registered before the folder's removal: hooks run in this order.
  context.after(() => opened?.close());
  const path = join(await scratchFolder(context), 'punctual.db');
  const told: MessagePort[] = [];
  const store = await withTellingThreads(told, () => SqliteStore.open({ path }));
  opened = store;
  // Else a commit is not on the disk when it is answered, and commits are no fsyncs.
  assert.ok(receiveAll(told).includes('PRAGMA synchronous = FULL'));
  return {
    async watch(act): Promise<Work> {
      const before = await readLog(path);
      receiveAll(told);
      await act(store);
      const statements = countTexts(receiveAll(told));
      const after = await readLog(path);
      if (after.number !== before.number) throw new Disturbed('the log began anew');
      return { statements, transactions: statements.get('COMMIT') ?? 0, syncs: after.commits - before.commits };
    },
  };
}

/** Runs `open`; the threads that it starts tell what SQLite runs in them, each to a port of its own. */
async function withTellingThreads<Opened>(told: MessagePort[], open: () => Promise<Opened>): Promise<Opened> {
  const preload = new URL('./tell-statements.ts', import.meta.url).href;
  class TellingWorker extends Worker {
    constructor(script: URL, { workerData, ...options }: WorkerOptions) {
      const { port1, port2 } = new MessageChannel();
      told.push(port1);
      super(script, {
        ...options,
        workerData: { ...workerData, told: port2 },
        transferList: [port2],
        execArgv: ['--import', preload],
      });
    }
  }
  exportWorker(TellingWorker);
  try {
    return await open();
  } finally {
    exportWorker(Worker);
  }
}

/** What modules get that import it from `node:worker_threads`, also those that have done so. */
function exportWorker(exported: typeof Worker): void {
  Object.assign(workerThreads, { Worker: exported });
  syncBuiltinESMExports();
}

/** What has been told since the last time. */
function receiveAll(ports: readonly MessagePort[]): string[] {
  return ports.flatMap((port) => {
    const received: string[] = [];
    for (;;) {
      const next = receiveMessageOnPort(port) as { readonly message: string } | undefined;
      if (!next) return received;
      received.push(next.message);
    }
  });
}

/** By their texts without the values that SQLite puts into them. */
function countTexts(told: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const sql of told) {
    const text = sql.replaceAll(/x?'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b/gi, '?').replaceAll(/\s+/g, ' ');
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

/** The commits in the write-ahead log, and the number of the log, which goes up when it begins anew: https://sqlite.org/fileformat2.html#walformat. */
async function readLog(path: string): Promise<{ readonly number: number; readonly commits: number }> {
  const log = await readFile(`${path}-wal`);
  const frameBytes = log.readUInt32BE(8) + 24;
  const salts = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + frameBytes <= log.length; at += frameBytes) {
    // What follows is left over from the log before.
    if (!log.subarray(at + 8, at + 16).equals(salts)) break;
    // Set in the last frame of a transaction alone.
    const databasePages = log.readUInt32BE(at + 4);
    if (databasePages > 0) commits++;
  }
  return { number: log.readUInt32BE(12), commits };
}
