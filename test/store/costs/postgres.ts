import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type DatabaseServer, ServerUnavailable } from '../../support/servers/database-server.ts';
import { startPostgres } from '../../support/servers/postgres-server.ts';
import { unavailableVariable } from '../../support/servers/test-server.ts';
import type { TestContext } from '../conformance.ts';
import { connectTo, openStore } from '../postgres/scratch.ts';
import { difference, type Meter, type MeteredEngine, type Work, without } from './meter.ts';

/** On the server nothing writes the log or syncs it but the sessions that are counted. */
const settings = {
  shared_preload_libraries: 'pg_stat_statements',
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  // What writes the log of transactions that have not ended, and what notes for standbys, now and then, which ones run.
  wal_writer_delay: '10s',
  wal_level: 'minimal',
  max_wal_senders: 0,
  // There are ways to sync that are no call of their own, and are not counted.
  wal_sync_method: 'fdatasync',
};

/** Before this version the statistics of a session that has ended come in some time later. */
const versionMin = 15;

/** PostgreSQL on a server of its own, which counts all by itself: pg_stat_statements, pg_stat_database, pg_stat_wal. */
export async function startMeteredPostgres(): Promise<MeteredEngine> {
  const unavailable = process.env[unavailableVariable.postgres];
  if (unavailable) return without('PostgreSQL', unavailable);
  try {
    const server = await startPostgres({ settings });
    after(() => server.stop());
    const version = await prepare(server);
    if (version < versionMin) return without('PostgreSQL', `PostgreSQL ${version} counts late`);
    return { name: 'PostgreSQL', unavailable: false, open: (context) => openMeter(context, { server, version }) };
  } catch (error) {
    if (error instanceof ServerUnavailable) return without('PostgreSQL', error.message);
    // Some systems have it in a package of its own.
    if (String(error).includes('could not access file "pg_stat_statements"'))
      return without('PostgreSQL', 'no pg_stat_statements');
    throw error;
  }
}

/** Gives the server's version. */
async function prepare({ url }: DatabaseServer): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('CREATE EXTENSION pg_stat_statements');
  const { rows } = await client.query("SELECT current_setting('server_version_num')::integer / 10000 AS version");
  await client.end();
  return rows[0].version;
}

let databases = 0;
/** How long sessions may take to be gone once they were ended, in milliseconds. */
const goneMsMax = 10_000;

async function openMeter(
  context: TestContext,
  { server, version }: { readonly server: DatabaseServer; readonly version: number },
): Promise<Meter> {
  const admin = await connectTo(context, server.url);
  const database = `costs_${++databases}`;
  const url = new URL(database, server.url).href;
  await (await openStore(context, { url })).close();
  return {
    async watch(act): Promise<Work> {
      // A file of the log is synced when it is full: that shall not happen in the middle of what is counted.
      await admin.query('SELECT pg_switch_wal(), pg_stat_force_next_flush()');
      await untilUnused(admin, database);
      const before = await read(admin, { database, version });
      const store = await openStore(context, { url });
      // Makes the connection that the verbs use.
      await store.beat({ controller: { owner: 'meter', startedAt: 0 }, nowMs: 0, forgetBefore: 0 });
      await act(store);
      await store.close();
      await untilUnused(admin, database);
      return difference(await read(admin, { database, version }), before);
    },
  };
}

/** A session hands in its statistics before it is gone; while it lives it may keep them to itself for a minute. */
async function untilUnused(admin: pg.Client, database: string): Promise<void> {
  const endAt = performance.now() + goneMsMax;
  while (performance.now() < endAt) {
    const { rowCount } = await admin.query('SELECT FROM pg_stat_activity WHERE datname = $1', [database]);
    if (rowCount === 0) return;
    await delay(5);
  }
  throw new Error(`sessions in ${database} did not end`);
}

async function read(
  admin: pg.Client,
  { database, version }: { readonly database: string; readonly version: number },
): Promise<Work> {
  const statements = await admin.query(
    `SELECT regexp_replace(query, '\\s+', ' ', 'g') AS text, sum(calls)::integer AS count
    FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid WHERE datname = $1 GROUP BY 1`,
    [database],
  );
  const transactions = await admin.query(
    'SELECT (xact_commit + xact_rollback)::integer AS count FROM pg_stat_database WHERE datname = $1',
    [database],
  );
  const syncs = await admin.query(
    version < 18
      ? 'SELECT wal_sync::integer AS count FROM pg_stat_wal'
      : "SELECT sum(fsyncs)::integer AS count FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'",
  );
  return {
    statements: new Map(statements.rows.map(({ text, count }) => [text, count])),
    transactions: transactions.rows[0].count,
    syncs: syncs.rows[0].count,
  };
}
