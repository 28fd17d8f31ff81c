import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { ServerEngine } from '../../test/support/servers/database-server.ts';

/** The rows of a statement without parameters. */
export type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

/** Runs `work` with a connection of its own. */
export async function withClient<T>(engine: ServerEngine, url: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  return engine === 'postgres' ? withPostgres(url, work) : withMysql(url, work);
}

async function withPostgres<T>(connectionString: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(async (sql) => (await client.query(sql)).rows);
  } finally {
    await client.end();
  }
}

async function withMysql<T>(url: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const connection = await createConnection(url);
  try {
    return await work(async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[]);
  } finally {
    await connection.end();
  }
}
