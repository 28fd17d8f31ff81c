import { randomFillSync } from 'node:crypto';
import { databaseOf } from '../../src/app/open-store.ts';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { newTimerId } from '../../src/timer/id.ts';
import type { Spec } from '../../src/timer/timer.ts';
import { aNewTimer, aSpec } from '../../test/support/timers.ts';

const perInsert = 1_000;
const insertsAtOnce = 4;
const dayMs = 86_400_000;
const random = { fraction: Math.random, fill: (bytes: Uint8Array) => void randomFillSync(bytes) };

/** A timer to be stored, by its number from 0. */
export type Filling = (number: number, nowMs: number) => { readonly dueAt: number; readonly spec?: Partial<Spec> };

/** Due between one day and two days from now. */
export const waiting: Filling = (_number, nowMs) => ({ dueAt: nowMs + dayMs + Math.floor(Math.random() * dayMs) });

/** Makes the database where there is none, and stores timers in it by the store's own insert. */
export async function fill(url: string, timers: number, filling: Filling = waiting): Promise<void> {
  const config = { databaseBytesMax: 0, buckets: 0 };
  const store = await databaseOf({ url, shard: 0, shards: 1, config, clock: new SystemClock(), random }).open();
  const now = Date.now();
  let next = 0;
  const insert = async () => {
    while (next < timers) {
      const from = next;
      next = Math.min(timers, from + perInsert);
      await store.insert(Array.from({ length: next - from }, (_, at) => timerOf(filling(from + at, now), now)));
    }
  };
  await Promise.all(Array.from({ length: insertsAtOnce }, insert));
  await store.close();
}

function timerOf({ dueAt, spec = {} }: ReturnType<Filling>, now: number) {
  return aNewTimer(now, { id: newTimerId(now, random, { shard: 0 }), dueAt, spec: aSpec(spec) });
}
