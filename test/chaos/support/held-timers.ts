import { createConnection, type RowDataPacket } from 'mysql2/promise';
import pg from 'pg';

/** The ids of the timers that a process has claimed and not let go of, as the database has it: it may have ended. */
export async function timersHeldBy(databaseUrl: string, pid: number): Promise<string[]> {
  // Controllers are named HOST/PID/CHANCE.
  const owner = `%/${pid}/%`;
  return databaseUrl.startsWith('postgres') ? heldInPostgres(databaseUrl, owner) : heldInMysql(databaseUrl, owner);
}

async function heldInPostgres(connectionString: string, owner: string): Promise<string[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const sql = 'SELECT id::text AS id FROM timers WHERE owner LIKE $1';
    return (await client.query<{ id: string }>(sql, [owner])).rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}

async function heldInMysql(url: string, owner: string): Promise<string[]> {
  const connection = await createConnection(url);
  try {
    const sql = 'SELECT lower(hex(id)) AS id FROM timers WHERE owner LIKE ?';
    const [rows] = await connection.query<(RowDataPacket & { id: string })[]>(sql, [owner]);
    return rows.map(({ id }) => id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  } finally {
    await connection.end();
  }
}
