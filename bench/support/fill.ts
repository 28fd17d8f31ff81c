import { databaseOf } from '../../src/app/open-store.ts';
import { machineRandom } from '../../src/app/random.ts';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { newTimerId, type TimerId } from '../../src/timer/id.ts';
import type { NewTimer, Spec } from '../../src/timer/timer.ts';
import { aSpec } from '../../test/support/timers.ts';

const perInsert = 1_000;
const insertsAtOnce = 4;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** By what their ids say, so many were created in each millisecond. Were it all at once, each id would go to another place of the index. */
const createdPerMs = 10;
const idsMax = 100_000;
const progressEvery = 1_000_000;

/** A timer to be stored, by its number from 0. */
export type Filling = (number: number, nowMs: number) => { readonly dueAt: number; readonly spec?: Partial<Spec> };

/** Due between one day and two days from now. */
export const waiting: Filling = (_number, nowMs) => ({ dueAt: nowMs + dayMs + Math.floor(Math.random() * dayMs) });

/** Due over the last hour, in the order in which they were created: the way a backlog grows while nobody fires. */
export function overdue(timers: number, specOf: (number: number) => Partial<Spec>): Filling {
  return (number, nowMs) => ({
    dueAt: nowMs - hourMs + Math.floor((number * hourMs) / timers),
    spec: specOf(number),
  });
}

/** Which of several databases one is. */
export interface Place {
  readonly shard: number;
  readonly shards: number;
}

const only: Place = { shard: 0, shards: 1 };

/** What a fill has left. */
export interface Filled {
  /** Of all timers where they are at most 100,000, else of some that are spread evenly over all. */
  readonly ids: readonly TimerId[];
  readonly seconds: number;
}

/** Makes the database where there is none, and stores timers in it by the store's own insert. Says on standard output how far it is, each million. */
export async function fill(url: string, timers: number, filling = waiting, place = only): Promise<Filled> {
  const ids: TimerId[] = [];
  const nth = Math.ceil(timers / idsMax);
  const now = Date.now();
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  function* batches() {
    for (let from = 0; from < timers; from += perInsert) {
      if (from > 0 && from % progressEvery === 0) console.log(progress(from, timers, seconds()));
      const batch = Array.from({ length: Math.min(perInsert, timers - from) }, (_, at) => {
        const createdAt = now - Math.ceil((timers - from - at) / createdPerMs);
        return timerOf(filling(from + at, now), createdAt, place);
      });
      ids.push(...batch.filter((_, at) => (from + at) % nth === 0).map(({ id }) => id));
      yield batch;
    }
  }
  await insertAll(url, batches(), place);
  return { ids, seconds: seconds() };
}

/** How many timers a second, due in a day, the store's own insert takes in batches of 1,000, four at once; the database is made where there is none. */
export async function insertRate(url: string, seconds: number): Promise<number> {
  let timers = 0;
  function* batches() {
    const until = performance.now() + seconds * 1_000;
    for (let now = Date.now(); performance.now() < until; now = Date.now()) {
      yield Array.from({ length: perInsert }, () => timerOf({ dueAt: now + dayMs }, now, only));
      timers += perInsert;
    }
  }
  const tookMs = await insertAll(url, batches(), only);
  return Math.round((timers / tookMs) * 1_000);
}

/** Stores the generator's batches, of which the next goes to whoever is free. Gives how long that took, in milliseconds, without what comes before and afterwards. */
async function insertAll(url: string, batches: Generator<readonly NewTimer[]>, place: Place): Promise<number> {
  const config = { databaseBytesMax: 0, buckets: 0, bodyBytesMax: 256 * 1024 };
  const database = await databaseOf({ url, ...place, config, clock: new SystemClock(), random: machineRandom });
  const store = await database.open();
  const startedAt = performance.now();
  const insert = async () => {
    for (const batch of batches) await store.insert(batch);
  };
  try {
    await Promise.all(Array.from({ length: insertsAtOnce }, insert));
    return performance.now() - startedAt;
  } finally {
    await store.close();
  }
}

function timerOf({ dueAt, spec }: ReturnType<Filling>, createdAt: number, { shard }: Place): NewTimer {
  const id = newTimerId(createdAt, machineRandom, { shard });
  return { id, tenant: 'default', spec: aSpec(spec), dueAt, idempotency: null };
}

function progress(stored: number, timers: number, seconds: number): string {
  return `${stored.toLocaleString('en')} of ${timers.toLocaleString('en')} timers stored after ${seconds} s`;
}
