import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Client } from 'pg';
import { planning } from '../../../src/store/postgres/connections.ts';
import { type StatementName, statements } from '../../../src/store/postgres/statements.ts';
import type { PostgresStore } from '../../../src/store/postgres/store.ts';
import type { Claimed } from '../../../src/store/store.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, aSettlement, holdOf, t0 } from '../conformance.ts';
import { explain, faultsOf, genericPlan, type Indexes, indexesOf, namesBucket, scansOf, stepsOf } from './plan.ts';
import { connectTo, openStore, suiteContext, unavailable } from './scratch.ts';

/** Statements that read no large table, each with the reason. */
const exempt: Partial<Record<StatementName, string>> = {
  time: 'touches no table',
  durability: 'touches no table',
  timersSize: "asks the server's catalog",
  cleanTimers: 'is no query',
  beat: 'controllers has a row for each controller: a few',
  controllers: 'controllers has a row for each controller: a few',
};

const inserts: readonly string[] = ['insert', 'insertKeyed'] satisfies StatementName[];
const ruled = (Object.keys(statements) as StatementName[]).filter((name) => !exempt[name]);

/** Statistics are what a plan rests on: those of new tables, of tables that were found empty, and of full ones. */
const situations = ['new', 'found empty', 'full'] as const;

/** Some of the timers have keys, a thousand have ended, most are overdue; those that are held are given back. */
async function fill(store: PostgresStore, thousands: number): Promise<Claimed[]> {
  const keyed = (index: number) => ({ key: `k${index}`, fingerprint: 'f' });
  for (let batch = 0; batch < thousands; batch++) {
    const news = Array.from({ length: 1_000 }, (_, index) =>
      aNewTimer(t0, {
        dueAt: t0 + index * 10_000,
        idempotency: index % 4 === 0 ? keyed(batch * 1_000 + index) : null,
      }),
    );
    await store.insert(news);
  }
  const claimed = await store.claim(aClaim({ limit: 1_200 }));
  const ended = { ended: { status: 'done', at: t0 } } as const;
  const settled = claimed.slice(0, 1_000).map(({ timer }) => ({ ...holdOf(timer), settlement: aSettlement(ended) }));
  await store.settle(settled);
  return claimed.slice(1_000);
}

describe('every statement of the PostgreSQL engine', { skip: unavailable }, () => {
  const context = suiteContext();
  const clients = new Map<(typeof situations)[number], Client>();
  let indexes: Indexes;

  before(async () => {
    for (const situation of situations) {
      const url = await freshDatabase('postgres', context);
      const store = await openStore(context, { url, buckets: 4 });
      if (situation === 'full') await fill(store, 4);
      const client = await connectTo(context, url);
      await client.query(planning);
      if (situation !== 'new') await client.query('ANALYZE');
      clients.set(situation, client);
    }
    indexes = await indexesOf(clients.get('new')!);
  });

  for (const name of ruled) {
    it(`finds its rows by an index that knows them, whatever the statistics: ${name}`, async () => {
      for (const situation of situations) {
        const plan = await genericPlan(clients.get(situation)!, statements[name]);
        assert.deepEqual(faultsOf(plan, indexes), [], `with tables that are ${situation}`);
        if (!inserts.includes(name)) assert.ok(scansOf(plan).length > 0, `${name} reads nothing`);
      }
    });
  }

  it('ends in a SELECT where it changes several tables, since Citus refuses others', async () => {
    for (const name of ruled) {
      const [root, ...below] = stepsOf(await genericPlan(clients.get('new')!, statements[name]));
      const changes = below.filter(({ plan }) => plan['Node Type'] === 'ModifyTable').length;
      assert.ok(changes === 0 || root!.plan['Node Type'] !== 'ModifyTable', name);
    }
  });

  it('claims by walking the two indexes that hold what is claimable, in their order', async () => {
    for (const client of clients.values()) {
      const steps = stepsOf(await genericPlan(client, statements.claim));
      const walks = ['free', 'held'].map(
        (cte) => steps.find(({ plan }) => plan['Subplan Name'] === `CTE ${cte}`)!.plan,
      );
      const chains = walks.map((walk) => stepsOf(walk).map(({ plan }) => plan['Index Name'] ?? plan['Node Type']));
      assert.deepEqual(chains, [
        ['Limit', 'LockRows', 'timers_free'],
        ['Limit', 'LockRows', 'timers_held'],
      ]);
    }
  });

  for (const [broken, what, fault] of [
    ['SELECT * FROM timers WHERE due_at = $1', 'a scan', /Seq Scan on timers/],
    ['SELECT * FROM timers WHERE id = $1', 'a missing bucket', /no bucket/],
    ['SELECT * FROM history WHERE bucket = $1 AND id > $2 ORDER BY claim LIMIT 1', 'a sort', /sorted as a whole/],
    ['SELECT id FROM keys WHERE bucket = $1', 'a walk', /keys_pkey knows bucket alone/],
    [
      'SELECT * FROM keys JOIN history ON history.claim > keys.due_at WHERE keys.bucket = $1',
      'a loop',
      /in a nested loop/,
    ],
  ] as const) {
    it(`is held to rules that notice ${what}`, async () => {
      const plan = await genericPlan(clients.get('full')!, broken);
      assert.match(faultsOf(plan, indexes).join('; '), fault);
    });
  }
});

describe('the hot statements of the PostgreSQL engine', { skip: unavailable }, () => {
  const context = suiteContext();
  let client: Client;
  let held: Claimed[];

  before(async () => {
    const url = await freshDatabase('postgres', context);
    held = await fill(await openStore(context, { url, buckets: 4 }), 20);
    // No settings of the engine's: so they would run on a node of Citus, or behind a pooler that forgets them.
    client = await connectTo(context, url);
    await client.query('ANALYZE');
  });

  const columns = (count: number) => Array.from({ length: 9 }, () => Array(count).fill(null));
  const holds = (count: number) => {
    const timers = held.slice(0, count).map(({ timer }) => timer);
    return [timers.map(({ id }) => id), timers.map(({ lease }) => lease!.owner), timers.map(({ claim }) => claim)];
  };
  const instants = (count: number) => Array(count).fill(t0);
  const ones = (count: number) => Array(count).fill(1);
  const valuesOf: Partial<Record<StatementName, (count: number) => unknown[]>> = {
    get: (count) => holds(count).slice(0, 1),
    insert: columns,
    insertKeyed: columns,
    claim: (count) => [t0, t0, count, 'one', t0 + 6_000, 1_000_000],
    begin: holds,
    extend: (count) => [...holds(count), t0],
    release: (count) => [...holds(count), instants(count)],
    settle: (count) => [
      ...holds(count),
      ones(count),
      ones(count),
      Array(count).fill(null),
      Array(count).fill('done'),
      instants(count),
    ],
    purge: (count) => [t0 + 1, count],
  };

  for (const [name, values] of Object.entries(valuesOf) as [StatementName, (count: number) => unknown[]][]) {
    it(`look into one bucket without the engine's settings too: ${name}`, async () => {
      const plans = [await explain(client, statements[name], [0, ...values(1)])];
      plans.push(await explain(client, statements[name], [0, ...values(10)]));
      await client.query('SET plan_cache_mode = force_generic_plan');
      plans.push(await genericPlan(client, statements[name]));
      await client.query('RESET plan_cache_mode');
      for (const { plan } of plans.flatMap(scansOf)) {
        const condition = plan['Index Cond'] ?? plan['Recheck Cond'];
        assert.ok(namesBucket(condition), `${plan['Node Type']} on ${plan['Relation Name']}: ${condition}`);
      }
    });
  }
});
