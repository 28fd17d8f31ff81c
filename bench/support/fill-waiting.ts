import { randomFillSync } from 'node:crypto';
import { databaseOf } from '../../src/app/open-store.ts';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { newTimerId } from '../../src/timer/id.ts';
import { aNewTimer } from '../../test/support/timers.ts';

const perInsert = 1_000;
const insertsAtOnce = 4;
const random = { fraction: Math.random, fill: (bytes: Uint8Array) => void randomFillSync(bytes) };

/** Makes the database and stores timers in it that are due between one day and two days from now, by the store's own insert. */
export async function fillWaiting(url: string, timers: number): Promise<void> {
  const parts = {
    url,
    shard: 0,
    shards: 1,
    config: { databaseBytesMax: 0, buckets: 0 },
    clock: new SystemClock(),
    random,
  };
  const store = await databaseOf(parts).open();
  const now = Date.now();
  let left = timers;
  const insert = async () => {
    while (left > 0) {
      const count = Math.min(perInsert, left);
      left -= count;
      await store.insert(Array.from({ length: count }, () => waitingTimer(now)));
    }
  };
  await Promise.all(Array.from({ length: insertsAtOnce }, insert));
  await store.close();
}

const dayMs = 86_400_000;

function waitingTimer(now: number) {
  const id = newTimerId(now, random, { shard: 0 });
  return aNewTimer(now, { id, dueAt: now + dayMs + Math.floor(Math.random() * dayMs) });
}
