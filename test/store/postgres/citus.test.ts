import { randomBytes } from 'node:crypto';
import { after, describe } from 'node:test';
import pg from 'pg';
import { storeConformance, type TestContext } from '../conformance.ts';
import { openStore } from './scratch.ts';

/** The coordinator's administrator, where databases can be made and the extension can be had: `postgres://postgres@coordinator:5432/postgres`. */
const coordinator = process.env.CITUS_URL;
/** The workers' administrators, as the coordinator reaches them, between commas; without them the coordinator keeps all shards itself. */
const workers = (process.env.CITUS_WORKERS ?? '').split(',').filter((url) => url !== '');

/** Runs statements one after another, in a session of their own. */
async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client(url);
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

/** A node, as Citus' functions take it. */
function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `'${hostname}', ${port || 5432}`;
}

/** The databases of a cluster. Making one takes seconds, so that tests hand them on, emptied. */
class Cluster {
  readonly #nodes = [coordinator!, ...workers];
  readonly #names: string[] = [];
  readonly #free: string[] = [];
  /** One at a time: Citus changes what all databases of a node share. */
  #making: Promise<unknown> = Promise.resolve();

  /** The URL of an empty database, which others get when the test ends. */
  async database(context: TestContext): Promise<string> {
    const url = this.#free.pop() ?? (await this.#makeInTurn());
    context.after(async () => {
      await run(url, 'TRUNCATE timers, history, keys, ledger', 'DELETE FROM controllers');
      this.#free.push(url);
    });
    return url;
  }

  async drop(): Promise<void> {
    for (const node of this.#nodes) {
      for (const name of this.#names) await run(node, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  }

  #makeInTurn(): Promise<string> {
    const made = this.#making.then(() => this.#make());
    this.#making = made.catch(() => undefined);
    return made;
  }

  async #make(): Promise<string> {
    const name = `punctual_test_${randomBytes(6).toString('hex')}`;
    this.#names.push(name);
    for (const node of this.#nodes) {
      await run(node, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`);
      await run(inDatabase(node, name).href, 'CREATE EXTENSION citus');
    }
    const there = inDatabase(coordinator!, name);
    const adds = workers.map((worker) => `SELECT citus_add_node(${addressOf(worker)})`);
    const keepsShards = `SELECT citus_set_node_property(${addressOf(there.href)}, 'shouldhaveshards', ${workers.length === 0})`;
    await run(there.href, `SELECT citus_set_coordinator_host(${addressOf(there.href)})`, keepsShards, ...adds);
    return there.href;
  }
}

describe('Citus', { skip: coordinator ? false : 'CITUS_URL is not set' }, () => {
  const cluster = new Cluster();
  after(() => cluster.drop());

  storeConformance(
    'PostgresStore on Citus',
    async (context, options) => {
      // A store has to be closed before its database is emptied; a test's own hooks run in the order of their registration.
      const cleanups: (() => void | Promise<void>)[] = [];
      context.after(async () => {
        for (const clean of cleanups.reverse()) await clean();
      });
      const inner: TestContext = { after: (clean) => void cleanups.push(clean) };
      return openStore(inner, { ...options, url: await cluster.database(inner) });
    },
    'several',
  );
});
