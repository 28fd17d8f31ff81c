import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { ServerEngine } from './database-server.ts';
import { engines, freshDatabase } from './databases.ts';
import { startMysql } from './mysql-server.ts';
import { startPostgres } from './postgres-server.ts';
import { untilReady } from './until-ready.ts';

const starters = { postgres: startPostgres, mysql: startMysql };
const testServer = new URL('test-server.ts', import.meta.url).href;

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

/** Starts a server in a process of its own, which is killed as soon as the server is ready; gives the server. */
async function serverOfAKilledProcess(
  engine: ServerEngine,
): Promise<{ readonly url: string; readonly dataFolder?: string }> {
  const script = `
    import { startTestServer } from '${testServer}';
    const { url, dataFolder } = await startTestServer('${engine}');
    console.log(JSON.stringify({ url, dataFolder }));
    setInterval(() => undefined, 1_000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return JSON.parse(String(line));
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
      const { port } = server;
      const kept = new URL(server.url);
      kept.pathname = '/kept';
      await run(engine, kept.href, 'CREATE TABLE t (a INT)', 'INSERT INTO t VALUES (7)');

      await server.kill('SIGKILL');
      await assert.rejects(run(engine, server.url, 'SELECT 1'));
      await server.start();

      assert.equal(server.port, port);
      assert.equal(JSON.stringify(await run(engine, kept.href, 'SELECT a FROM t')), '[{"a":7}]');
    });

    it('ends and leaves no files when the process that started it is killed', async () => {
      const { url, dataFolder } = await serverOfAKilledProcess(engine);
      await untilReady(() => assert.rejects(run(engine, url, 'SELECT 1'), { code: 'ECONNREFUSED' }));
      if (dataFolder !== undefined) await untilReady(() => assert.rejects(access(dataFolder), { code: 'ENOENT' }));
    });
  });
}
