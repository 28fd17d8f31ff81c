import { join } from 'node:path';
import { Client } from 'pg';
import { PunctualError } from '../../timer/errors.ts';
import { bucketsMax } from '../../timer/id.ts';
import { withoutPassword } from '../address.ts';
import { type Layout, layoutOf, metaOf, mustBeShard } from '../layout.ts';
import { type Migration, readMigrations, type SeenMigration, unseenMigrations } from '../migrations.ts';
import { connectFault, createFault, isServerError, statementFault } from './faults.ts';

export interface MigrateOptions {
  readonly url: string;
  /** The number of buckets of a database that is made now; without it, one, or 32 on Citus. */
  readonly buckets?: number;
  /** The place of this database among several, from 0 on. */
  readonly shard?: number;
  /** How many places DATABASE_URL has: noted in a database that is made now. */
  readonly shards?: number;
  /** Where the numbered SQL files are; the engine's own, unless a test says otherwise. */
  readonly folder?: string;
}

/** Of the lock that migrations hold while they run: `Punc` in ASCII. Nothing else takes it. */
const lockNumber = 0x50756e63;
const connectMsMax = 5_000;
/** A migration may have to wait for others, and for the tables that it changes. */
const answerMsMax = 600_000;

const bucketsDefault = 1;
const bucketsOnCitus = 32;
/** What is distributed, the first of them setting the pace for the others. */
const distributed = ['timers', 'history', 'keys', 'ledger'];
/** What this program makes. */
const tables = [...distributed, 'meta', 'controllers'];

/**
 * Makes the database where it is missing, runs the migrations that it has not seen, all in one transaction, and gives its layout. As many
 * processes as like may do this at once. Throws a PunctualError.
 */
export async function migrate(options: MigrateOptions): Promise<Layout> {
  const database = withoutPassword(options.url);
  const client = await connect(options.url);
  try {
    const known = readMigrations(options.folder ?? join(import.meta.dirname, 'migrations'));
    const isWhole = unseenMigrations(known, await seenMigrations(client, database), database).length === 0;
    if (!isWhole) await migrateUnderLock(client, { known, database, ...options });
    return await readLayout(client, { database, shard: options.shard ?? 0 });
  } catch (error) {
    throw statementFault(error, database);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function migrateUnderLock(
  client: Client,
  { known, database, ...wanted }: MigrateOptions & { known: readonly Migration[]; database: string },
): Promise<void> {
  // Taken before the transaction, whose begin is what makes a session forget that it has seen no tables a moment ago. It goes with the session.
  await client.query('SELECT pg_advisory_lock($1)', [lockNumber]);
  await client.query('BEGIN');
  try {
    // Somebody else may have done it all while this one waited.
    const seen = await seenMigrations(client, database);
    const unseen = unseenMigrations(known, seen, database);
    if (seen.length === 0 && unseen.length > 0) await begin(client, database);
    for (const { number, name, sql, checksum } of unseen) {
      await client.query(sql);
      await client.query('INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        number,
        name,
        checksum,
      ]);
    }
    if (seen.length === 0 && unseen.length > 0) await settleLayout(client, wanted);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Refuses another program's database before anything in it is changed. */
async function begin(client: Client, database: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('server_encoding') AS encoding,
      (SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL LIMIT 1) AS foreign`,
    [tables],
  );
  const [{ encoding, foreign }] = rows as [{ encoding: string; foreign: string | null }];
  if (foreign !== null) throw notOurs(database, foreign);
  if (encoding !== 'UTF8') {
    throw new PunctualError('store_not_ours', {
      message: `${database} keeps text as ${encoding}: choose a database with the encoding UTF8`,
    });
  }
  await client.query(
    'CREATE TABLE migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL)',
  );
}

function notOurs(database: string, table: string): PunctualError {
  return new PunctualError('store_not_ours', {
    message: `${database} has a table "${table}" of another program: choose another database`,
  });
}

async function settleLayout(
  client: Client,
  { buckets, shard = 0, shards = 1 }: Pick<MigrateOptions, 'buckets' | 'shard' | 'shards'>,
): Promise<void> {
  const { rowCount } = await client.query("SELECT 1 FROM pg_extension WHERE extname = 'citus'");
  const onCitus = rowCount === 1;
  const chosen = Math.min(bucketsMax, buckets ?? (onCitus ? bucketsOnCitus : bucketsDefault));
  for (const table of onCitus ? distributed : []) await distribute(client, table);
  const meta = metaOf({ buckets: chosen, shard, shards });
  await client.query('INSERT INTO meta (name, value) SELECT * FROM unnest($1::text[], $2::text[])', [
    meta.map(([name]) => name),
    meta.map(([, value]) => value),
  ]);
}

/** Rows of one bucket, whatever their table, lie on one node: a statement that names its bucket concerns no other. */
async function distribute(client: Client, table: string): Promise<void> {
  if (table === distributed[0]) await client.query('SELECT create_distributed_table($1, $2)', [table, 'bucket']);
  else {
    await client.query('SELECT create_distributed_table($1, $2, colocate_with => $3)', [
      table,
      'bucket',
      distributed[0],
    ]);
  }
}

async function seenMigrations(client: Client, database: string): Promise<SeenMigration[]> {
  // Many programs have a table of this name.
  const { rows: found } = await client.query(
    `SELECT count(*) FILTER (WHERE attname IN ('number', 'name', 'checksum'))::integer AS ours
    FROM pg_attribute WHERE attrelid = to_regclass('migrations') HAVING count(*) > 0`,
  );
  if (found.length === 0) return [];
  if (found[0].ours !== 3) throw notOurs(database, 'migrations');
  const { rows } = await client.query('SELECT name, checksum FROM migrations ORDER BY number');
  return rows;
}

async function readLayout(client: Client, { database, shard }: { database: string; shard: number }): Promise<Layout> {
  const { rows } = await client.query({ text: 'SELECT name, value FROM meta', rowMode: 'array' });
  const layout = layoutOf(rows as unknown as [string, string][]);
  if (!layout) throw notOurs(database, 'meta');
  mustBeShard(layout, shard, database);
  return layout;
}

/** Connects, after making the database where there is none of that name. */
async function connect(url: string): Promise<Client> {
  const database = withoutPassword(url);
  try {
    return await connectTo(url);
  } catch (error) {
    if (!isServerError(error) || error.code !== '3D000') throw connectFault(error, database);
  }
  try {
    await createDatabase(url);
    return await connectTo(url);
  } catch (error) {
    throw connectFault(error, database);
  }
}

async function connectTo(url: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    application_name: 'punctual migrate',
    connectionTimeoutMillis: connectMsMax,
    query_timeout: answerMsMax,
    keepAlive: true,
  });
  // What breaks the connection reaches the statement that waits for it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function createDatabase(url: string): Promise<void> {
  const name = new Client({ connectionString: url }).database ?? '';
  const there = new URL(url);
  there.pathname = '/postgres';
  try {
    const client = await connectTo(there.href);
    // The same order of text and the same letters wherever it is made.
    const options = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
    await client
      .query(`CREATE DATABASE ${client.escapeIdentifier(name)} ${options}`)
      .finally(() => client.end().catch(() => undefined));
  } catch (error) {
    // Another process was quicker: before this one began, or while it ran.
    if (isServerError(error) && ['42P04', '23505'].includes(error.code)) return;
    throw createFault(error, withoutPassword(url));
  }
}
