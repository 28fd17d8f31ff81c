import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import pg, { type Client } from 'pg';
import { migrate } from '../../../src/store/postgres/migrate.ts';
import { adminUrl, freshDatabase } from '../../support/servers/databases.ts';
import { freePort } from '../../support/servers/free-port.ts';
import { startPostgres } from '../../support/servers/postgres-server.ts';
import { aNewTimer } from '../../support/timers.ts';
import { type TestContext, t0 } from '../conformance.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

const own = join(import.meta.dirname, '../../../src/store/postgres/migrations');

/** A copy of the engine's migrations that a test may change. */
async function copyOfMigrations(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-migrations-'));
  context.after(() => rm(folder, { recursive: true }));
  await cp(own, folder, { recursive: true });
  return folder;
}

/** The URL of a database that is made as `options` say. */
async function madeDatabase(context: TestContext, options = ''): Promise<string> {
  const url = await freshDatabase('postgres', context);
  const admin = await connectTo(context, await adminUrl('postgres'));
  await admin.query(`CREATE DATABASE ${nameOf(url)} ${options}`);
  return url;
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

async function tablesOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

/** The URL for a user who may log in and nothing else; gone when the test ends. */
async function asGuest(context: TestContext, url: string): Promise<string> {
  const role = `punctual_test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client(await adminUrl('postgres'));
  await admin.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN`);
  context.after(async () => {
    await admin.query(`DROP ROLE ${role}`);
    await admin.end();
  });
  const theirs = new URL(url);
  theirs.username = role;
  return theirs.href;
}

describe('opening a PostgreSQL store', { skip: unavailable }, () => {
  it('makes the database that is missing, once, however many open it at once', async (t) => {
    const url = await freshDatabase('postgres', t);
    const stores = await Promise.all(Array.from({ length: 20 }, () => openStore(t, { url, buckets: 3 })));
    const client = await connectTo(t, url);
    const { rows: meta } = await client.query('SELECT name, value FROM meta ORDER BY name');
    assert.deepEqual(meta, [
      { name: 'buckets', value: '3' },
      { name: 'program', value: 'punctual' },
      { name: 'shard', value: '0' },
      { name: 'shards', value: '1' },
    ]);
    const { rows: migrations } = await client.query('SELECT number FROM migrations ORDER BY number');
    assert.deepEqual(migrations, [{ number: 1 }, { number: 2 }]);
    await Promise.all(stores.map((store) => store.insert([aNewTimer(t0)])));
    assert.equal((await stores[0]!.counts(t0)).accepted, 20);
  });

  it('keeps text in the order of its bytes in a database that it makes', async (t) => {
    const url = await freshDatabase('postgres', t);
    await openStore(t, { url });
    const { rows } = await (await connectTo(t, url)).query(
      "SELECT 'Z' < 'a' AS bytewise, current_setting('server_encoding') AS encoding",
    );
    assert.deepEqual(rows, [{ bytewise: true, encoding: 'UTF8' }]);
  });

  it('finds again what was stored before, in as many buckets as there were', async (t) => {
    const url = await freshDatabase('postgres', t);
    const timers = Array.from({ length: 20 }, () => aNewTimer(t0));
    const first = await openStore(t, { url, buckets: 4 });
    await first.insert(timers);
    await first.close();
    const second = await openStore(t, { url, buckets: 1 });
    for (const { id } of timers) assert.equal((await second.get(id))?.id, id);
  });

  it('refuses a database that was made for another place among the shards', async (t) => {
    const url = await freshDatabase('postgres', t);
    await openStore(t, { url, shard: 1 });
    await assert.rejects(openStore(t, { url }), { code: 'store_wrong_shard', message: /number 1 .* number 0/ });
  });

  for (const table of ['timers', 'ledger', 'migrations']) {
    it(`refuses a database in which another program has a table "${table}", and leaves it as it was`, async (t) => {
      const url = await madeDatabase(t);
      const client = await connectTo(t, url);
      await client.query(`CREATE TABLE ${table} (id serial PRIMARY KEY, migration text)`);
      await assert.rejects(openStore(t, { url }), { code: 'store_not_ours', message: new RegExp(`"${table}"`) });
      assert.deepEqual(await tablesOf(client), [table]);
    });
  }

  for (const encoding of ['LATIN1', 'SQL_ASCII']) {
    it(`refuses a database that keeps text as ${encoding}`, async (t) => {
      const url = await madeDatabase(t, `TEMPLATE template0 ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`);
      await assert.rejects(openStore(t, { url }), { code: 'store_not_ours', message: new RegExp(`${encoding}.*UTF8`) });
      assert.deepEqual(await tablesOf(await connectTo(t, url)), []);
    });
  }

  it('tells a user who may not make the database what to do', async (t) => {
    const url = await freshDatabase('postgres', t);
    const theirs = await asGuest(t, url);
    await assert.rejects(openStore(t, { url: theirs }), {
      code: 'store_denied',
      message: new RegExp(`there is no database .*${nameOf(url)}.*UTF8.*CREATEDB`),
    });
  });

  it('tells a user who may not make tables what to do, and makes none', async (t) => {
    const url = await madeDatabase(t);
    const client = await connectTo(t, url);
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    const theirs = await asGuest(t, url);
    await assert.rejects(openStore(t, { url: theirs }), { code: 'store_denied', message: /grant.*schema public/ });
    assert.deepEqual(await tablesOf(client), []);
  });

  it('tells a user who is not let in so, at once, and never shows the password', async (t) => {
    const server = await startPostgres({ unsynced: true });
    t.after(() => server.stop());
    if (server.dataFolder === undefined) return t.skip('the rules of a server in Docker are out of reach');
    const admin = await connectTo(t, server.url);
    await writeFile(
      join(server.dataFolder, 'pg_hba.conf'),
      'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
    );
    await admin.query("CREATE ROLE guest LOGIN CREATEDB PASSWORD 'right'");
    await admin.query('SELECT pg_reload_conf()');
    const at = (password: string) => `postgres://guest:${password}@127.0.0.1:${server.port}/theirs`;
    await (await openStore(t, { url: at('right') })).close();
    for (const url of [at('wrong'), at(''), at('wrong').replace('guest', 'nobody')]) {
      const began = performance.now();
      await assert.rejects(openStore(t, { url }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'store_denied');
        assert.match(error.message, /theirs/);
        assert.doesNotMatch(error.message, /wrong/);
        return true;
      });
      assert.ok(performance.now() - began < 2_000);
    }
  });

  it('says at once that a server is not there', async (t) => {
    const began = performance.now();
    const url = `postgres://user:secret@127.0.0.1:${await freePort()}/punctual`;
    await assert.rejects(openStore(t, { url }), {
      code: 'store_unavailable',
      message: /^(?!.*secret).*cannot be reached/,
    });
    assert.ok(performance.now() - began < 2_000);
  });

  it('warns of a server that does not sync', async (t) => {
    const server = await startPostgres({ unsynced: true, settings: { full_page_writes: 'on' } });
    t.after(() => server.stop());
    const store = await openStore(t, { url: `${server.url}2` });
    assert.match(store.warnings.join(), /^fsync is off/);
    await store.close();
  });
});

describe('migrations of the PostgreSQL engine', { skip: unavailable }, () => {
  it('run once, and only those that have not', async (t) => {
    const url = await freshDatabase('postgres', t);
    const folder = await copyOfMigrations(t);
    await migrate({ url, folder, buckets: 5 });
    await writeFile(join(folder, '9999_more.sql'), 'CREATE TABLE more (value integer)');
    assert.deepEqual(await migrate({ url, folder }), { buckets: 5, shard: 0, shards: 1 });
    assert.deepEqual(await migrate({ url, folder }), { buckets: 5, shard: 0, shards: 1 });
    const { rows } = await (await connectTo(t, url)).query('SELECT name FROM migrations ORDER BY number');
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['0001_timers.sql', '0002_controllers.sql', '9999_more.sql'],
    );
  });

  it('leave nothing behind when one fails', async (t) => {
    const url = await freshDatabase('postgres', t);
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '9999_broken.sql'), 'CREATE TABLE more (value integer); nonsense');
    await assert.rejects(migrate({ url, folder }), { code: 'internal', message: /nonsense/ });
    assert.deepEqual(await tablesOf(await connectTo(t, url)), []);
    await openStore(t, { url });
  });

  it('refuse a database in which one has run that reads differently today', async (t) => {
    const url = await freshDatabase('postgres', t);
    const folder = await copyOfMigrations(t);
    await migrate({ url, folder });
    await appendFile(join(folder, '0001_timers.sql'), '-- changed\n');
    const refused = { code: 'store_migration_changed', message: new RegExp(`${nameOf(url)}.*0001_timers`) };
    await assert.rejects(migrate({ url, folder }), refused);
  });

  it('refuse a database that has seen more than this program knows', async (t) => {
    const url = await freshDatabase('postgres', t);
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '9999_more.sql'), 'CREATE TABLE more (value integer)');
    await migrate({ url, folder });
    await assert.rejects(openStore(t, { url }), { code: 'store_too_new', message: new RegExp(nameOf(url)) });
  });
});
