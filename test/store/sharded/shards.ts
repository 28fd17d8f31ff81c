import { MemoryStore } from '../../../src/store/memory.ts';
import { ShardedStore, type ShardedStoreOptions } from '../../../src/store/sharded/store.ts';
import type { ShardState } from '../../../src/store/sharded/watched-shard.ts';
import type { InsertResult, Store } from '../../../src/store/store.ts';
import { wrapStore } from '../../../src/store/wrap.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { shardOf, type TimerId, withShard } from '../../../src/timer/id.ts';
import type { NewTimer } from '../../../src/timer/timer.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FlakyStore, flakyStore } from '../../support/flaky-store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';

/** A database that fails as a test says: as a FlakyStore does, or with any error, or by not answering at all. */
export interface Database extends FlakyStore {
  readonly memory: MemoryStore;
  /** From now on the verb throws this, before it does anything; with undefined no more. */
  throwing(verb: keyof Store, error: unknown): void;
  hang(): void;
  /** Answers what was asked meanwhile, too. */
  unhang(): void;
  /** How often the verb was called. */
  count(verb: keyof Store): number;
}

function databaseOver(memory: MemoryStore): Database {
  let hung: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  const errors = new Map<keyof Store, unknown>();
  const inner = wrapStore(
    () => memory,
    (verb, call) =>
      async (...args) => {
        await hung?.over;
        if (errors.has(verb)) throw errors.get(verb);
        return call(...args);
      },
  );
  const flaky = flakyStore(inner);
  return {
    ...flaky,
    memory,
    throwing(verb, error) {
      if (error === undefined) errors.delete(verb);
      else errors.set(verb, error);
    },
    hang() {
      const { promise, resolve } = Promise.withResolvers<void>();
      hung = { over: promise, end: resolve };
    },
    unhang() {
      hung?.end();
      hung = undefined;
    },
    count: (verb) => flaky.calls.filter((called) => called === verb).length,
  };
}

/** Some databases, and stores over them. */
export class Shards {
  readonly clock = new FakeClock(t0);
  readonly databases: readonly Database[];
  /** What `onHealth` was told, in words. */
  readonly told: string[] = [];
  readonly store: ShardedStore;

  constructor(count: number, change: Partial<ShardedStoreOptions> & { readonly listRowsMax?: number } = {}) {
    const { listRowsMax = 10_000, ...options } = change;
    this.databases = Array.from({ length: count }, () =>
      databaseOver(new MemoryStore({ time: () => this.clock.now(), listRowsMax })),
    );
    this.store = this.open(options);
  }

  /** Another store over the same databases; of them, `draining` take no new timers, and only the first `length` are in its list. */
  open({
    draining = [],
    length = this.databases.length,
    ...options
  }: Partial<ShardedStoreOptions> & { readonly draining?: readonly number[]; readonly length?: number } = {}) {
    const listed = this.databases.slice(0, length);
    return new ShardedStore({
      shards: listed.map((store, number) => ({ store, draining: draining.includes(number) })),
      clock: this.clock,
      random: seededRandom(1),
      onHealth: (state) => this.told.push(inWords(state)),
      ...options,
    });
  }

  /** Stores timers in this database, as a store whose turn it was would have. */
  async putIn(number: number, ...timers: readonly NewTimer[]): Promise<void> {
    await this.databases[number]!.memory.insert(timers.map((timer) => ({ ...timer, id: withShard(timer.id, number) })));
  }

  /** How many timers each database has. */
  async sizes(): Promise<number[]> {
    const counts = this.databases.map(({ memory }) => memory.counts(t0));
    return (await Promise.all(counts)).map(({ accepted }) => accepted);
  }
}

function inWords({ number, up }: ShardState): string {
  return `${number} ${up ? 'up' : 'down'}`;
}

/** Stores timers, one after the other, and gives their ids. */
export async function putEach(store: Store, ...timers: readonly NewTimer[]): Promise<TimerId[]> {
  const ids: TimerId[] = [];
  for (const timer of timers) ids.push(idOf((await store.insert([timer]))[0]));
  return ids;
}

export function idOf(result: InsertResult | undefined): TimerId {
  if (result?.kind !== 'created') throw new Error(`a new timer is ${result?.kind}`);
  return result.id;
}

/** A timer that comes with this key, by default always with the same request. */
export function keyed(key: string, change: Partial<NewTimer> = {}): NewTimer {
  return aNewTimer(t0, { idempotency: { key, fingerprint: 'f' }, ...change });
}

export function shardsOf(ids: readonly TimerId[]): number[] {
  return ids.map(shardOf);
}

export const full = new PunctualError('store_full');
export const overloaded = new PunctualError('overloaded');
