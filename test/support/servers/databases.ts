import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import { type ServerEngine, ServerUnavailable, serverEngines } from './database-server.ts';
import { startTestServer, unavailableVariable, urlVariable } from './test-server.ts';

/** What of a test, a suite or the module `node:test` is needed to clean up behind a test. */
export interface Cleanup {
  after(clean: () => void | Promise<void>): void;
}

/** Whether an engine's tests can run here. */
export interface EngineOnThisMachine {
  readonly engine: ServerEngine;
  /** Why it cannot be had; false when it can, so that it fits `{ skip: unavailable }`. */
  readonly unavailable: string | false;
}

const adminUrls = new Map<ServerEngine, Promise<string>>();

/** Databases whose test has ended. */
const finished = new Set<{ readonly engine: ServerEngine; readonly name: string }>();
after(() => dropFinished({ force: true }));

/** Every server engine, with the reason where it cannot be had. Starts what is not running yet. */
export async function engines(): Promise<readonly EngineOnThisMachine[]> {
  return Promise.all(
    serverEngines.map(async (engine) => {
      const unavailable = await adminUrl(engine).then(() => false as const, unavailability);
      return { engine, unavailable };
    }),
  );
}

function unavailability(error: unknown): string {
  if (error instanceof ServerUnavailable) return error.message;
  throw error;
}

/**
 * The URL of a database that does not exist yet on the test server, since Punctual creates a missing one itself. It is
 * dropped some time after the test of `cleanup`: hooks run in the order of their registration, so that a store which the test
 * closes in a later hook is still connected in this one's.
 */
export async function freshDatabase(engine: ServerEngine, cleanup: Cleanup): Promise<string> {
  await dropFinished({ force: false });
  const name = `punctual_test_${randomBytes(6).toString('hex')}`;
  const url = new URL(await adminUrl(engine));
  url.pathname = `/${name}`;
  cleanup.after(() => void finished.add({ engine, name }));
  return url.href;
}

/**
 * The administrator's URL of the engine's test server: the one that the environment names, or a private server of this
 * process, which is started on the first call. Rejects with {@link ServerUnavailable}.
 */
export function adminUrl(engine: ServerEngine): Promise<string> {
  const url = adminUrls.get(engine) ?? findServer(engine);
  adminUrls.set(engine, url);
  return url;
}

async function findServer(engine: ServerEngine): Promise<string> {
  const given = process.env[urlVariable[engine]];
  if (given) return given;
  const unavailable = process.env[unavailableVariable[engine]];
  if (unavailable) throw new ServerUnavailable(engine, [unavailable]);
  return (await startTestServer(engine)).url;
}

async function dropFinished(how: { readonly force: boolean }): Promise<void> {
  const databases = [...finished];
  // Nobody else drops them meanwhile.
  finished.clear();
  for (const database of databases) {
    const drop = database.engine === 'postgres' ? dropPostgres : dropMysql;
    if (!(await drop(await adminUrl(database.engine), database.name, how.force))) finished.add(database);
  }
}

// Both give false where somebody is still connected and must not be forced out.

async function dropPostgres(url: string, name: string, force: boolean): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const used = await client.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name]);
    if (used.rows.length > 0 && !force) return false;
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    return true;
  } finally {
    await client.end();
  }
}

async function dropMysql(url: string, name: string, force: boolean): Promise<boolean> {
  const connection = await createConnection(url);
  try {
    const sql = 'SELECT id FROM information_schema.processlist WHERE db = ?';
    const [used] = await connection.query<(RowDataPacket & { id: number })[]>(sql, [name]);
    if (used.length > 0 && !force) return false;
    // A drop waits for the transactions of others, for a year by default.
    for (const { id } of used) await connection.query('KILL ?', [id]).catch(() => undefined);
    await connection.query(`DROP DATABASE IF EXISTS ${name}`);
    return true;
  } finally {
    await connection.end();
  }
}
