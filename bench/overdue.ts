// What happens when everything was due long ago? npm run bench -- overdue
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SqliteStore } from '../src/store/sqlite/store.ts';
import { memoryOf } from '../test/support/memory.ts';
import { seededRandom } from '../test/support/seeded-random.ts';
import { startService } from '../test/support/service.ts';
import { aNewTimer, aSpec } from '../test/support/timers.ts';
import { startBenchReceiver } from './support/receiver.ts';

export interface OverdueReport {
  readonly timers: number;
  readonly lost: number;
  readonly twice: number;
  /** The furthest that a call came before one that had been due earlier, in places of the queue: 0 is strictly oldest first. */
  readonly outOfOrderMax: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly peakMemoryMb: number;
}

/** Fills a store with timers that were due over the last hour, then starts the service on it and waits until all have fired. */
export async function overdue({ timers = 100_000 }: { timers?: number } = {}): Promise<OverdueReport> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-bench-'));
  const databasePath = join(folder, 'punctual.db');
  const receiver = await startBenchReceiver();
  try {
    const placeById = await fill(databasePath, { timers, url: receiver.url });
    const service = await startService({ databasePath });
    const startedAt = performance.now();
    try {
      while ((await receiver.count()) < timers && performance.now() - startedAt < 120_000) await delay(100);
      const seconds = (performance.now() - startedAt) / 1000;
      await delay(500);
      const { ids } = await receiver.calls();
      return {
        timers,
        lost: timers - new Set(ids).size,
        twice: ids.length - new Set(ids).size,
        outOfOrderMax: outOfOrderMax(ids.map((id) => placeById.get(id)!)),
        seconds: Math.round(seconds * 10) / 10,
        perSecond: Math.round(timers / seconds),
        peakMemoryMb: (await memoryOf(service.child.pid!))!.peakMb,
      };
    } finally {
      await service.end('SIGTERM');
    }
  } finally {
    await receiver.close();
    await rm(folder, { recursive: true });
  }
}

/** Stores the timers in an order that has nothing to do with when they are due; gives each one's place in the order of due times. */
async function fill(path: string, { timers, url }: { timers: number; url: string }): Promise<Map<string, number>> {
  const now = Date.now();
  const random = seededRandom(6);
  const store = await SqliteStore.open({ path });
  const spec = aSpec({ url });
  const all = Array.from({ length: timers }, () =>
    aNewTimer(now, { spec, dueAt: now - Math.floor(random.fraction() * 3_600_000) }),
  );
  for (let from = 0; from < timers; from += 1_000) await store.insert(all.slice(from, from + 1_000));
  await store.close();
  return new Map(all.toSorted((a, b) => a.dueAt - b.dueAt).map(({ id }, place) => [id, place]));
}

function outOfOrderMax(places: readonly number[]): number {
  let furthest = -1;
  let worst = 0;
  for (const place of places) {
    worst = Math.max(worst, furthest - place);
    furthest = Math.max(furthest, place);
  }
  return worst;
}
