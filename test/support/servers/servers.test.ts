import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { ServerEngine } from './database-server.ts';
import { engines, freshDatabase } from './databases.ts';
import { startMysql } from './mysql-server.ts';
import { startPostgres } from './postgres-server.ts';

const starters = { postgres: startPostgres, mysql: startMysql };

/** Runs statements at the URL, one after another, and gives the last one's rows. */
async function run(engine: ServerEngine, url: string, ...statements: string[]): Promise<unknown> {
  if (engine === 'postgres') {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    try {
      await client.connect();
      let rows: unknown;
      for (const sql of statements) rows = (await client.query(sql)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }
  const connection = await createConnection(url);
  let rows: unknown;
  for (const sql of statements) [rows] = await connection.query(sql);
  await connection.end();
  return rows;
}

for (const { engine, unavailable } of await engines()) {
  describe(`${engine} for tests`, { skip: unavailable }, () => {
    it('gives the URL of a database that does not exist yet', async (t) => {
      const url = await freshDatabase(engine, t);
      await assert.rejects(run(engine, url, 'SELECT 1'), { code: engine === 'postgres' ? '3D000' : 'ER_BAD_DB_ERROR' });
    });

    it('comes back on its port with its data after kill -9', async (t) => {
      const server = await starters[engine]();
      t.after(() => server.stop());
      await run(engine, server.url, 'CREATE DATABASE kept');
      const { port, pid } = server;
      const kept = new URL(server.url);
      kept.pathname = '/kept';
      await run(engine, kept.href, 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (7)');

      await server.kill('SIGKILL');
      await assert.rejects(run(engine, server.url, 'SELECT 1'));
      await server.start();

      assert.equal(server.port, port);
      assert.notEqual(server.pid, pid);
      assert.deepEqual(JSON.stringify(await run(engine, kept.href, 'SELECT a FROM t')), '[{"a":7}]');
    });
  });
}
