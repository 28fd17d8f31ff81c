import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Hold, HoldResult, Store } from '../../src/store/store.ts';
import type { NewTimer } from '../../src/timer/timer.ts';
import type { Settlement } from '../../src/timer/transition.ts';
import { aNewTimer, aSpec } from '../support/timers.ts';
import { aClaim, aSettlement, holdOf, type TestContext, t0 } from './conformance.ts';
import { startMeteredMariadb } from './costs/mariadb.ts';
import { Disturbed, difference, type MeteredEngine, type Work } from './costs/meter.ts';
import { startMeteredPostgres } from './costs/postgres.ts';
import { sqlite } from './costs/sqlite.ts';

// What a database has to do for timers, to the last statement: who adds one sees it here. What is done once for hundreds of them is not in it:
// PostgreSQL and MariaDB fold the ledger after 200 transactions, SQLite copies its log into its file after 1,000 pages, in 3 fsyncs.

/** BEGIN and COMMIT are statements; a statement without them is a transaction. */
type Cost = readonly [statements: number, transactions: number, fsyncs: number];

/** What each verb costs, and whole lives, in which timers are created, claimed, marked where they are to be sent at most once, and settled. */
type Costs = Readonly<Record<(typeof steps)[number], Cost>>;

const steps = [
  'create',
  'create with a key',
  'claim',
  'claim of nothing',
  'begin',
  'settle to try again',
  'settle',
  'life',
  'life at most once',
] as const;

const batch = 500;

const expected: Readonly<Record<MeteredEngine['name'], { readonly alone: Costs; readonly together: Costs }>> = {
  // A statement is a call within the process: it costs no round trip. Nothing is written by a look that finds nothing, so nothing is synced.
  SQLite: {
    alone: {
      create: [4, 1, 1],
      'create with a key': [6, 1, 1],
      claim: [5, 1, 1],
      'claim of nothing': [4, 1, 0],
      begin: [3, 1, 1],
      'settle to try again': [3, 1, 1],
      settle: [5, 1, 1],
      life: [14, 3, 3],
      'life at most once': [17, 4, 4],
    },
    together: {
      create: [batch + 3, 1, 1],
      'create with a key': [3 * batch + 3, 1, 1],
      claim: [batch + 4, 1, 1],
      'claim of nothing': [4, 1, 0],
      begin: [batch + 2, 1, 1],
      'settle to try again': [batch + 2, 1, 1],
      settle: [2 * batch + 3, 1, 1],
      life: [4 * batch + 10, 3, 3],
      'life at most once': [5 * batch + 12, 4, 4],
    },
  },
  PostgreSQL: { alone: inOneStatement(), together: inOneStatement() },
  MariaDB: { alone: inOneTransaction(), together: inOneTransaction() },
};

/** As many statements for a batch as for one. */
function inOneStatement(): Costs {
  return {
    create: [1, 1, 1],
    'create with a key': [3, 1, 1],
    claim: [1, 1, 1],
    'claim of nothing': [1, 1, 0],
    begin: [1, 1, 1],
    'settle to try again': [1, 1, 1],
    settle: [1, 1, 1],
    life: [3, 3, 3],
    'life at most once': [4, 4, 4],
  };
}

/**
 * As many statements for a batch as for one. Claims begin with two looks, each a transaction that only reads. With a binary log, which is off
 * by default, each commit syncs that too.
 */
function inOneTransaction(): Costs {
  return {
    create: [4, 1, 1],
    'create with a key': [7, 1, 1],
    claim: [6, 3, 1],
    'claim of nothing': [2, 2, 0],
    begin: [3, 1, 1],
    'settle to try again': [3, 1, 1],
    settle: [5, 1, 1],
    life: [15, 5, 3],
    'life at most once': [18, 6, 4],
  };
}

const done: Settlement['next'] = { ended: { status: 'done', at: t0 + 2_000 } };
const again: Settlement['next'] = { retryAt: t0 + 3_000 };

async function create(store: Store, count: number, change: (n: number) => Partial<NewTimer> = () => ({})) {
  const results = await store.insert(Array.from({ length: count }, (_, n) => aNewTimer(t0, change(n))));
  assert.ok(results.every(({ kind }) => kind === 'created'));
}

/** With a look at the leases of others, as controllers do it. */
async function claim(store: Store, count: number): Promise<Hold[]> {
  const claimed = await store.claim(aClaim({ expiredBy: t0 }));
  assert.equal(claimed.length, count);
  return claimed.map(({ timer }) => holdOf(timer));
}

async function begin(store: Store, holds: readonly Hold[]): Promise<void> {
  mustApply(await store.begin(holds));
}

async function settle(store: Store, holds: readonly Hold[], next: Settlement['next']): Promise<void> {
  mustApply(await store.settle(holds.map((hold) => ({ ...hold, settlement: aSettlement(next) }))));
}

function mustApply(results: readonly HoldResult[]): void {
  assert.ok(results.every((result) => result === 'applied'));
}

const onceAtMost = () => ({ spec: aSpec({ delivery: 'at-most-once' }) });
const keyed = (n: number) => ({ idempotency: { key: `key ${n}`, fingerprint: 'the same' } });

const triesMax = 5;

/** As `measureAll`, and again where the engine was at work by itself. */
async function workOf(engine: MeteredEngine, context: TestContext, count: number): ReturnType<typeof measureAll> {
  for (let tries = 1; ; tries++) {
    try {
      return await measureAll(engine, context, count);
    } catch (error) {
      if (!(error instanceof Disturbed) || tries === triesMax) throw error;
    }
  }
}

/** What the steps make a new database do for `count` timers at a time. */
async function measureAll(engine: MeteredEngine, context: TestContext, count: number) {
  const meter = await engine.open(context);
  const idle = await meter.watch(async () => {});
  const measure = async (act: (store: Store) => Promise<void>) => difference(await meter.watch(act), idle);
  let holds: Hold[] = [];
  const take = async (store: Store) => {
    holds = await claim(store, count);
  };
  const live = async (store: Store, isOnce: boolean) => {
    await create(store, count, isOnce ? onceAtMost : undefined);
    await take(store);
    if (isOnce) await begin(store, holds);
    await settle(store, holds, done);
  };
  const work = {
    create: await measure((store) => create(store, count)),
    claim: await measure(take),
    'claim of nothing': await measure(async (store) => void (await claim(store, 0))),
    begin: await measure((store) => begin(store, holds)),
    'settle to try again': await measure((store) => settle(store, holds, again)),
    'claim again': await measure(take),
    settle: await measure((store) => settle(store, holds, done)),
    life: await measure((store) => live(store, false)),
    'life at most once': await measure((store) => live(store, true)),
    'create with a key': await measure((store) => create(store, count, keyed)),
  };
  assert.deepEqual(costOf(work['claim again']), costOf(work.claim));
  return work;
}

function costOf({ statements, transactions, syncs }: Work): Cost {
  return [[...statements.values()].reduce((sum, count) => sum + count, 0), transactions, syncs];
}

const engines = await Promise.all([sqlite, startMeteredPostgres(), startMeteredMariadb()]);

for (const engine of engines) {
  describe(`Timers in ${engine.name}`, { skip: engine.unavailable }, () => {
    for (const [size, count] of [
      ['alone', 1],
      ['together', batch],
    ] as const) {
      it(`cost so many statements, transactions and fsyncs, and not one more, ${count} at a time`, async (t) => {
        const work = await workOf(engine, t, count);
        const costs = expected[engine.name][size];
        for (const step of steps.filter((each) => !isDeepStrictEqual(costOf(work[each]), costs[each]))) {
          const texts = [...work[step].statements].map(([text, times]) => `${times} × ${text.slice(0, 100)}`);
          t.diagnostic(`${engine.name}, ${count} at a time, ${step}:\n${texts.join('\n')}`);
        }
        assert.deepEqual(Object.fromEntries(steps.map((step) => [step, costOf(work[step])])), costs);
      });
    }
  });
}
