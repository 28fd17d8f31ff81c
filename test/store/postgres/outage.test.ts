import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { PostgresStore } from '../../../src/store/postgres/store.ts';
import type { HeldSettlement, Hold, Store } from '../../../src/store/store.ts';
import { isStoreOutage } from '../../../src/timer/errors.ts';
import type { NewTimer } from '../../../src/timer/timer.ts';
import type { DatabaseServer } from '../../support/servers/database-server.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { startPostgres } from '../../support/servers/postgres-server.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, aSettlement, checkLedger, holdOf, type TestContext, t0 } from '../conformance.ts';
import { Network } from './network.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

const src = join(import.meta.dirname, '../../../src');

/** Tests have less patience than users. */
const answerMsMax = 1_000;

const done = aSettlement({ ended: { status: 'done', at: t0 } });
const keyed = (key: string): NewTimer => aNewTimer(t0, { idempotency: { key, fingerprint: 'f' } });

/** A store with held timers, in the order of their ids, and a session beside it that can get into its way. */
async function scene(
  context: TestContext,
  { count = 1, ...options }: { count?: number; answerMsMax?: number } = {},
): Promise<{ store: PostgresStore; other: Client; holds: Hold[]; url: string }> {
  const url = await freshDatabase('postgres', context);
  const store = await openStore(context, { url, ...options });
  await store.insert(Array.from({ length: count }, () => aNewTimer(t0)));
  const claimed = await store.claim(aClaim());
  const holds = claimed.map(({ timer }) => holdOf(timer)).sort((one, two) => (one.id < two.id ? -1 : 1));
  const other = await connectTo(context, url);
  return { store, other, holds, url };
}

const settledAs = (hold: Hold): HeldSettlement => ({ ...hold, settlement: done });

/** Locks rows of timers until the session's transaction ends. */
async function lock(session: Client, ...holds: readonly Hold[]): Promise<void> {
  await session.query('BEGIN');
  await lockMore(session, ...holds);
}

async function lockMore(session: Client, ...holds: readonly Hold[]): Promise<void> {
  await session.query('SELECT 1 FROM timers WHERE id = ANY($1) FOR UPDATE', [holds.map(({ id }) => id)]);
}

/** The process of the first session that waits for a lock, as soon as there is one. */
async function whoWaits(session: Client): Promise<number> {
  for (;;) {
    const { rows } = await session.query(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows[0]) return rows[0].pid;
    await sleep(5);
  }
}

/** How long a call takes, in milliseconds. */
async function msOf(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

describe('a session of the PostgreSQL engine that is ended by the server', { skip: unavailable }, () => {
  it('leaves it unknown what became of a statement that commits by itself, and the next call works', async (t) => {
    const { store, other, holds } = await scene(t);
    await lock(other, ...holds);
    const settling = store.settle(holds.map(settledAs));
    const refused = assert.rejects(settling, { code: 'commit_unknown', message: /terminating connection/ });
    await other.query('SELECT pg_terminate_backend($1)', [await whoWaits(other)]);
    await refused;
    await other.query('ROLLBACK');
    assert.equal((await checkLedger(store)).done, 0);
    assert.deepEqual(await store.settle(holds.map(settledAs)), ['applied']);
  });

  it('takes with it what a transaction did before its commit', async (t) => {
    const { store, other } = await scene(t);
    await other.query(
      "BEGIN; INSERT INTO keys VALUES (0, 0, $$00000000-0000-7000-8000-000000000000$$, 'default', 'k2', 'f')",
    );
    const inserting = store.insert([keyed('k1'), keyed('k2')]);
    const refused = assert.rejects(inserting, { code: 'store_unavailable', message: /terminating connection/ });
    await other.query('SELECT pg_terminate_backend($1)', [await whoWaits(other)]);
    await refused;
    await other.query('ROLLBACK');
    assert.equal((await checkLedger(store)).accepted, 1);
    const again = await store.insert([keyed('k1'), keyed('k2')]);
    assert.deepEqual(
      again.map(({ kind }) => kind),
      ['created', 'created'],
    );
  });

  it('is replaced before it is used where it was idle', async (t) => {
    const { store, other, holds } = await scene(t);
    const theirs = "FROM pg_stat_activity WHERE application_name LIKE 'punctual%' AND datname = current_database()";
    await other.query(`SELECT pg_terminate_backend(pid) ${theirs}`);
    // A session says why it ends before it is gone.
    while ((await other.query(`SELECT 1 ${theirs}`)).rows.length > 0);
    assert.equal((await store.get(holds[0]!.id))!.claim, 1);
    assert.deepEqual(await store.settle(holds.map(settledAs)), ['applied']);
  });
});

describe('a write of the PostgreSQL engine that meets a lock', { skip: unavailable }, () => {
  it('is tried again when it has waited for long, and done as soon as the lock is gone', async (t) => {
    const { store, other, holds } = await scene(t, { answerMsMax });
    await lock(other, ...holds);
    const settling = store.settle(holds.map(settledAs));
    await sleep(answerMsMax * 0.6);
    await other.query('ROLLBACK');
    assert.deepEqual(await settling, ['applied']);
    assert.equal((await checkLedger(store)).done, 1);
  });

  it('gives up in time, with nothing done', async (t) => {
    const { store, other, holds } = await scene(t, { answerMsMax });
    await lock(other, ...holds);
    const ms = await msOf(() => assert.rejects(store.settle(holds.map(settledAs)), { code: 'store_unavailable' }));
    assert.ok(ms > answerMsMax * 0.9 && ms < answerMsMax * 2, `${ms} ms`);
    await other.query('ROLLBACK');
    const counts = await checkLedger(store);
    assert.deepEqual([counts.done, counts.accepted], [0, 1]);
  });

  it('is run again when it was chosen to end a deadlock', async (t) => {
    const { store, other, holds } = await scene(t, { count: 2 });
    // The store finds the deadlock, since this session does not look for one.
    await other.query("SET deadlock_timeout = '1min'");
    await lock(other, holds[1]!);
    const settling = store.settle(holds.map(settledAs));
    await whoWaits(other);
    await lockMore(other, holds[0]!);
    await other.query('COMMIT');
    assert.deepEqual(await settling, ['applied', 'applied']);
    assert.equal((await checkLedger(store)).done, 2);
  });

  it('does not make a deadlock with another that has the same timers in another order', async (t) => {
    const url = await freshDatabase('postgres', t);
    const stores = [await openStore(t, { url }), await openStore(t, { url })] as const;
    // Every connection plans while the tables are empty: so rows are looked up in the order of the batch.
    const nobodys = [{ id: aNewTimer(t0).id, owner: 'one', claim: 1 }];
    await Promise.all(stores.flatMap((store) => Array.from({ length: 8 }, () => store.extend(nobodys, t0))));
    const [store, second] = stores;
    await store.insert(Array.from({ length: 300 }, () => aNewTimer(t0)));
    const holds = (await store.claim(aClaim())).map(({ timer }) => holdOf(timer));
    const other = await connectTo(t, url);
    const reversed = holds.toReversed();
    for (let round = 0; round < 20; round++) {
      const results = await Promise.all([store.extend(holds, t0 + round), second.extend(reversed, t0 + round)]);
      assert.ok(results.flat().every((result) => result === 'applied'));
    }
    // What a session has counted is told when it ends, or after a moment.
    await Promise.all([store.close(), second.close()]);
    const { rows } = await other.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()');
    assert.equal(Number(rows[0].deadlocks), 0);
  });
});

describe('a settlement on PostgreSQL', { skip: unavailable }, () => {
  it('is of unknown outcome where part of a batch was written and the rest cannot be looked up', async (t) => {
    const { store, holds, url } = await scene(t, { count: 2 });
    const network = await Network.open(t, url);
    const cut = await openStore(t, { url: network.url });
    await store.settle([settledAs(holds[1]!)]);
    network.cutAt('settledEnded');
    await assert.rejects(cut.settle(holds.map(settledAs)), { code: 'commit_unknown' });
    assert.equal((await store.get(holds[0]!.id))!.ended!.status, 'done');
    await assert.rejects(cut.settle([settledAs(holds[1]!)]), { code: 'store_unavailable' }, 'nothing was to be done');
  });
});

/** Inserts by many calls at a time, half of which commit by themselves and half in transactions, until one fails. */
function insertUntilDown(store: Store): { accepted: Set<string>; unknown: Set<string>; whenDown: Promise<unknown> } {
  const accepted = new Set<string>();
  const unknown = new Set<string>();
  let isDown = false;
  const fail = (error: unknown, timers: readonly NewTimer[]) => {
    assert.ok(isStoreOutage(error), String(error));
    isDown = true;
    if (error.code === 'commit_unknown') for (const { id } of timers) unknown.add(id);
  };
  const work = async (inTransactions: boolean) => {
    while (!isDown) {
      const timers = [inTransactions ? keyed(randomUUID()) : aNewTimer(t0), aNewTimer(t0)];
      const results = await store.insert(timers).catch((error: unknown) => fail(error, timers));
      for (const result of results ?? []) if ('id' in result) accepted.add(result.id);
    }
  };
  const load = Array.from({ length: 12 }, (_, worker) => work(worker % 2 === 0));
  return { accepted, unknown, whenDown: Promise.all(load) };
}

describe('a PostgreSQL server that is killed', { skip: unavailable }, () => {
  let server: DatabaseServer;
  let databases = 0;
  const urlOfNew = () => new URL(`/outage_${++databases}`, server.url).href;

  before(async () => {
    server = await startPostgres();
  });

  after(() => server.stop());

  it('takes nothing with it that was answered, and is used again when it returns', async (t) => {
    const store = await openStore(t, { url: urlOfNew() });
    const { accepted, unknown, whenDown } = insertUntilDown(store);
    while (accepted.size < 200) await store.time();
    await server.kill('SIGKILL');
    await whenDown;
    await isDownToAll(store);
    await server.start();

    const claimed = await store.claim(aClaim({ limit: 100_000, bytesMax: 1e9 }));
    const found = new Set<string>(claimed.map(({ timer }) => timer.id));
    const lost = [...accepted].filter((id) => !found.has(id));
    assert.deepEqual(lost, [], 'what was answered is there');
    const invented = [...found].filter((id) => !accepted.has(id) && !unknown.has(id));
    assert.deepEqual(invented, [], 'and nothing that failed');
    assert.equal((await checkLedger(store)).accepted, found.size);
    assert.deepEqual(await store.begin([holdOf(claimed[0]!.timer)]), ['applied']);
  });

  async function isDownToAll(store: Store): Promise<void> {
    const verbs: readonly (() => Promise<unknown>)[] = [
      () => store.insert([aNewTimer(t0)]),
      () => store.insert([keyed('k')]),
      () => store.get(aNewTimer(t0).id),
      () => store.claim(aClaim()),
      () => store.counts(t0),
      () => store.audit(t0),
      () => store.time(),
    ];
    for (const verb of verbs) {
      const ms = await msOf(() => assert.rejects(verb(), { code: 'store_unavailable', message: /cannot be reached/ }));
      assert.ok(ms < 1_000, `${verb} took ${ms} ms`);
    }
  }

  it('lets a store close while it is away, and refuses what comes after that', async (t) => {
    const store = await openStore(t, { url: urlOfNew() });
    await store.time();
    await server.kill('SIGKILL');
    await store.close();
    await server.start();
    await assert.rejects(store.time(), { code: 'store_unavailable', message: /closed/ });
  });
});

describe('a network to PostgreSQL that hangs', { skip: unavailable }, () => {
  it('holds up no verb and no close for longer than an answer may take', async (t) => {
    const { holds, url } = await scene(t);
    const network = await Network.open(t, url);
    const store = await openStore(t, { url: network.url, answerMsMax });
    await store.extend(holds, t0);
    await Promise.all([store.time(), store.counts(t0), store.audit(t0)]);
    network.hang();
    const verbs: readonly (readonly [string, RegExp, Promise<unknown>])[] = [
      ['settle', /^commit_unknown$/, store.settle(holds.map(settledAs))],
      ['insert', /^(commit_unknown|store_unavailable)$/, store.insert([aNewTimer(t0)])],
      ['insert with a key', /^store_unavailable$/, store.insert([keyed('k')])],
      ['get', /^store_unavailable$/, store.get(holds[0]!.id)],
      ['counts', /^store_unavailable$/, store.counts(t0)],
      ['time', /^store_unavailable$/, store.time()],
    ];
    const ms = await msOf(() => Promise.all(verbs.map(([name, code, verb]) => assert.rejects(verb, { code }, name))));
    assert.ok(ms < answerMsMax * 1.5, `verbs took ${ms} ms`);
    const more = store.get(holds[0]!.id);
    const refused = assert.rejects(more, { code: 'store_unavailable' });
    assert.ok((await msOf(() => store.close())) < answerMsMax * 2);
    await refused;
    await assert.rejects(store.get(holds[0]!.id), { code: 'store_unavailable', message: /closed/ });
  });

  it('is met by one verb, not by one after another, when what is new passes again', async (t) => {
    const { holds, url } = await scene(t);
    const network = await Network.open(t, url);
    const store = await openStore(t, { url: network.url, answerMsMax });
    await Promise.all(Array.from({ length: 8 }, () => store.extend(holds, t0)));
    assert.ok(network.size > 8);
    network.hang();
    network.heal();
    await assert.rejects(store.extend(holds, t0), { code: 'commit_unknown' });
    const ms = await msOf(async () => {
      for (let call = 0; call < 8; call++) assert.deepEqual(await store.extend(holds, t0), ['applied']);
    });
    assert.ok(ms < answerMsMax, `${ms} ms`);
  });

  it('does not keep the locks of a process that stopped in the middle of a transaction', async (t) => {
    const { store, other, url } = await scene(t);
    const network = await Network.open(t, url);
    const stopped = await openStore(t, { url: network.url, answerMsMax });
    // Its transaction has the key, and what would come next is swallowed.
    network.hangAfter('insertKeyed');
    const inserting = msOf(() => assert.rejects(stopped.insert([keyed('k')]), { code: 'store_unavailable' }));
    const idle = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()";
    while ((await other.query(idle)).rows.length === 0) await sleep(5);
    const again = await store.insert([keyed('k')]);
    assert.equal(again[0]!.kind, 'created');
    const ms = await inserting;
    assert.ok(ms < answerMsMax * 1.5, `${ms} ms`);
  });

  it('does not keep a process from ending that has closed its store', async (t) => {
    const { url } = await scene(t);
    const network = await Network.open(t, url);
    const program = `
      import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
      import { SystemClock } from '${src}/clock/system-clock.ts';
      import { PostgresStore } from '${src}/store/postgres/store.ts';
      const store = await PostgresStore.open({ url: '${network.url}', clock: new SystemClock(), random: { fraction: Math.random } });
      await Promise.all([store.time(), store.counts(0), store.purge({ endedBefore: 0, limit: 1 })]);
      console.log('open');
      await once(process.stdin, 'data');
      process.stdin.destroy();
      await store.close();
      console.log('closed');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => void child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'open');
    network.hang();
    child.stdin.write('close\n');
    assert.equal((await lines.next()).value, 'closed');
    await once(child, 'exit', { signal: AbortSignal.timeout(2_000) });
  });
});
