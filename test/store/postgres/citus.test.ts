import { randomBytes } from 'node:crypto';
import { describe } from 'node:test';
import pg from 'pg';
import { storeConformance, type TestContext } from '../conformance.ts';
import { openStore } from './scratch.ts';

// The coordinator's administrator, where databases can be made and the extension can be had: postgres://postgres@coordinator:5432/postgres.
const coordinator = process.env.CITUS_URL;
// The workers, as the coordinator reaches them, between commas; without them the coordinator keeps all shards itself.
const workers = (process.env.CITUS_WORKERS ?? '').split(',').filter((url) => url !== '');

/** Runs statements one after another, in a session of their own. */
async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}

function inDatabase(url: string, name: string): URL {
  const there = new URL(url);
  there.pathname = `/${name}`;
  return there;
}

/** The URL of an empty database on the cluster, dropped when the test ends. */
async function citusDatabase(context: TestContext): Promise<string> {
  const name = `punctual_test_${randomBytes(6).toString('hex')}`;
  const nodes = [coordinator!, ...workers];
  context.after(async () => {
    for (const node of nodes) await run(node, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });
  for (const node of nodes) {
    await run(node, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
    await run(inDatabase(node, name).href, 'CREATE EXTENSION citus');
  }
  const there = inDatabase(coordinator!, name);
  const add = workers.map((worker) => {
    const { hostname, port } = new URL(worker);
    return `SELECT citus_add_node('${hostname}', ${port || 5432})`;
  });
  await run(there.href, `SELECT citus_set_coordinator_host('${there.hostname}', ${there.port || 5432})`, ...add);
  return there.href;
}

describe('Citus', { skip: coordinator ? false : 'CITUS_URL is not set' }, () => {
  storeConformance(
    'PostgresStore on Citus',
    async (context, options) => {
      // The store has to be closed first.
      const cleanups: (() => void | Promise<void>)[] = [];
      context.after(async () => {
        for (const clean of cleanups.reverse()) await clean();
      });
      const inner: TestContext = { after: (clean) => void cleanups.push(clean) };
      const url = await citusDatabase(inner);
      return openStore(inner, { ...options, url });
    },
    'several',
  );
});
