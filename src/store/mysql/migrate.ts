import { hash } from 'node:crypto';
import { join } from 'node:path';
import { escapeId, format, type SqlValue } from 'mysql2';
import { type Connection, createConnection } from 'mysql2/promise';
import { PunctualError } from '../../timer/errors.ts';
import { bucketsMax } from '../../timer/id.ts';
import { type Layout, layoutOf, metaOf, mustBeShard } from '../layout.ts';
import { type Migration, readMigrations, type SeenMigration, unseenMigrations } from '../migrations.ts';
import type { Timing } from '../timing.ts';
import { type Address, parseAddress } from './address.ts';
import { connectionOptions } from './connections.ts';
import { connectFault, isServerError, isUnknownDatabase, statementFault } from './faults.ts';
import { inspectServer, type ServerFacts } from './server.ts';
import { type Answer, Session } from './session.ts';

export interface MigrateOptions {
  /** See `parseAddress`. */
  readonly url: string;
  readonly clock: Timing;
  /** The number of buckets of a database that is made now. */
  readonly buckets?: number;
  /** The place of this database among several, from 0 on. */
  readonly shard?: number;
  /** How many places DATABASE_URL has: noted in a database that is made now. */
  readonly shards?: number;
  /** Where the numbered SQL files are; the engine's own, unless a test says otherwise. */
  readonly folder?: string;
}

const bucketsDefault = 1;
/** A migration may have to wait for the tables that it changes; in milliseconds. */
const answerMsMax = 600_000;
/** So long a process waits for another that migrates, in seconds. */
const lockSeconds = 300;

/** Runs a statement. Throws what mysql2 throws. */
export type Ask = (sql: string, ...values: unknown[]) => Promise<Answer>;

/** What there is to know of a database that is ready for use. */
export interface Migrated extends Layout, ServerFacts {}

/**
 * Makes the database where it is missing, and runs the migrations that it has not seen. As many processes as like may do this at once.
 * Throws a PunctualError.
 */
export function migrate(options: MigrateOptions): Promise<Migrated> {
  return withSession(options, async (ask, address) => {
    const facts = await inspectServer(ask, address);
    const known = readMigrations(options.folder ?? join(import.meta.dirname, 'migrations'));
    const isWhole = unseenMigrations(known, await seenMigrations(ask, address), address.shown).length === 0;
    const layout = isWhole ? await readLayout(ask) : undefined;
    const found = layout ?? (await migrateUnderLock(ask, { known, address, options }));
    mustBeShard(found, options.shard ?? 0, address.shown);
    return { ...found, ...facts };
  });
}

/** Runs `work` on a connection of its own to the database, which is made where it is missing. Throws a PunctualError. */
async function withSession<Result>(
  { url, clock }: Pick<MigrateOptions, 'url' | 'clock'>,
  work: (ask: Ask, address: Address) => Promise<Result>,
): Promise<Result> {
  const address = parseAddress(url);
  const connection = await connect(address).catch((error: unknown) => {
    throw connectFault(error, address.shown);
  });
  const session = new Session(connection, { clock, answerMsMax });
  try {
    await session.prepare({ writes: false });
    const ask: Ask = async (sql, ...values) => (await session.send([format(sql, values as SqlValue[])]))[0]!;
    return await work(ask, address);
  } catch (error) {
    throw statementFault(error, address.shown);
  } finally {
    session.destroy();
  }
}

interface Migrating {
  readonly known: readonly Migration[];
  readonly address: Address;
  readonly options: MigrateOptions;
}

/** The lock belongs to the connection, and goes with it. */
async function migrateUnderLock(ask: Ask, { known, address, options }: Migrating): Promise<Layout> {
  const lock = `punctual migrate ${hash('sha256', address.name, 'hex').slice(0, 32)}`;
  const { rows: taken } = await ask('SELECT GET_LOCK(?, ?)', lock, lockSeconds);
  if (taken[0]![0] !== 1) {
    throw new PunctualError('store_unavailable', { message: `another process is migrating ${address.shown}` });
  }
  await mustBeOurs(ask, address);
  await ask(`CREATE TABLE IF NOT EXISTS migrations (
    number INT NOT NULL PRIMARY KEY,
    name VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
  ) ENGINE = InnoDB`);
  // Somebody else may have done it all while this one waited.
  const unseen = unseenMigrations(known, await seenMigrations(ask, address), address.shown);
  for (const { number, name, sql, checksum } of unseen) {
    for (const statement of statementsOf(sql)) await ask(statement);
    await ask('INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)', number, name, checksum);
  }
  const buckets = Math.min(bucketsMax, options.buckets ?? bucketsDefault);
  const meta = metaOf({ buckets, shard: options.shard ?? 0, shards: options.shards ?? 1 });
  // What stands there already stays.
  await ask('INSERT IGNORE INTO meta (name, value) VALUES ?', meta);
  await ask('DO RELEASE_LOCK(?)', lock);
  return (await readLayout(ask))!;
}

/** The statements of a migration: each ends with a semicolon at a line's end. Values have no place in them. */
export function statementsOf(sql: string): string[] {
  const withoutComments = sql.replaceAll(/^\s*--.*$/gm, '');
  return withoutComments
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** Refuses another program's database before anything in it is changed. */
async function mustBeOurs(ask: Ask, { shown }: Address): Promise<void> {
  const { rows } = await ask(
    `SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name IN ('migrations', 'timers')`,
  );
  const tables = Map.groupBy(rows, ([table]) => table);
  const migrations = tables.get('migrations');
  const isForeign = migrations ? !migrations.some(([, column]) => column === 'checksum') : tables.has('timers');
  if (!isForeign) return;
  throw new PunctualError('store_not_ours', {
    message: `${shown} has a table "${migrations ? 'migrations' : 'timers'}" of another program: choose another database`,
  });
}

const noSuchTable = 1146;
const noSuchColumn = 1054;

async function seenMigrations(ask: Ask, address: Address): Promise<SeenMigration[]> {
  try {
    const { rows } = await ask('SELECT name, checksum FROM migrations ORDER BY number');
    return rows.map(([name, checksum]) => ({ name: name as string, checksum: checksum as string }));
  } catch (error) {
    if (isServerError(error) && error.errno === noSuchTable) return [];
    if (isServerError(error) && error.errno === noSuchColumn) await mustBeOurs(ask, address);
    throw error;
  }
}

/** Undefined where a process ended between the tables and this. */
async function readLayout(ask: Ask): Promise<Layout | undefined> {
  const { rows } = await ask('SELECT name, value FROM meta');
  return layoutOf(rows as [string, string][]);
}

/** Connects, after making the database where there is none of that name. */
async function connect(address: Address): Promise<Connection> {
  const options = { ...address.server, ...connectionOptions };
  try {
    return await connectTo({ ...options, database: address.name });
  } catch (error) {
    if (!isUnknownDatabase(error)) throw error;
  }
  const connection = await connectTo(options);
  try {
    await connection.query(
      `CREATE DATABASE IF NOT EXISTS ${escapeId(address.name, true)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    );
    await connection.changeUser({ database: address.name });
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function connectTo(options: Parameters<typeof createConnection>[0]): Promise<Connection> {
  const connection = await createConnection(options as never);
  // What breaks the connection reaches the statement that waits for it.
  connection.on('error', () => undefined);
  return connection;
}
