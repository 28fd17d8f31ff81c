import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAddress } from '../../../src/store/mysql/address.ts';
import { migrate, statementsOf } from '../../../src/store/mysql/migrate.ts';
import { durabilityWarnings, mustBeNewEnough, mustLogRows } from '../../../src/store/mysql/server.ts';
import { MysqlStore } from '../../../src/store/mysql/store.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, type TestContext, t0 } from '../conformance.ts';
import { type Ask, connectTo, openStore, parts, unavailable } from './scratch.ts';

const own = join(import.meta.dirname, '../../../src/store/mysql/migrations');

/** A copy of the engine's migrations that a test may change. */
async function copyOfMigrations(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-mysql-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await cp(own, folder, { recursive: true });
  return folder;
}

/** A database that somebody else has made, with tables of theirs. */
async function foreignDatabase(context: TestContext, ...tables: string[]): Promise<{ url: string; ask: Ask }> {
  const url = await freshDatabase('mysql', context);
  const { name } = parseAddress(url);
  const server = new URL(url);
  server.pathname = '/mysql';
  const admin = await connectTo(context, server.href);
  await admin(`CREATE DATABASE ${name}`);
  const ask = await connectTo(context, url);
  for (const table of tables) await ask(table);
  return { url, ask };
}

const tablesOf = async (ask: Ask) => (await ask('SHOW TABLES')).flat();

describe('opening a MySQL database', { skip: unavailable }, () => {
  it('works for twenty processes at once on a server that has none of that name', async (t) => {
    const url = await freshDatabase('mysql', t);
    const stores = await Promise.all(Array.from({ length: 20 }, () => openStore(t, { url, connectionsMax: 3 })));
    const fresh = aNewTimer(t0);
    await stores[0]!.insert([fresh]);
    for (const store of stores) assert.equal((await store.get(fresh.id))?.id, fresh.id);
    const ask = await connectTo(t, url);
    assert.deepEqual(await ask('SELECT number, name FROM migrations ORDER BY number'), [
      [1, '0001_timers.sql'],
      [2, '0002_controllers.sql'],
    ]);
    assert.deepEqual(await ask("SELECT value FROM meta WHERE name = 'program'"), [['punctual']]);
  });

  it('keeps the number of buckets that the tables were made with', async (t) => {
    const url = await freshDatabase('mysql', t);
    const migrated = await migrate({ ...parts, url, buckets: 4 });
    assert.equal(migrated.buckets, 4);
    assert.equal((await migrate({ ...parts, url, buckets: 8 })).buckets, 4);
    assert.equal((await migrate({ ...parts, url })).buckets, 4);
  });

  it('makes one bucket unless told otherwise, and never more than an id can name', async (t) => {
    assert.equal((await migrate({ ...parts, url: await freshDatabase('mysql', t) })).buckets, 1);
    assert.equal((await migrate({ ...parts, url: await freshDatabase('mysql', t), buckets: 1_000 })).buckets, 256);
  });

  it('refuses a database that has another place among the shards', async (t) => {
    const url = await freshDatabase('mysql', t);
    await migrate({ ...parts, url, shard: 3 });
    await migrate({ ...parts, url, shard: 3 });
    await assert.rejects(MysqlStore.open({ ...parts, url, shard: 1 }), {
      code: 'store_wrong_shard',
      message: /number 3 .* number 1/,
    });
    await assert.rejects(MysqlStore.open({ ...parts, url }), { code: 'store_wrong_shard' });
  });

  it("refuses another program's database, and changes nothing in it", async (t) => {
    const { url, ask } = await foreignDatabase(t, 'CREATE TABLE timers (id INT)');
    await assert.rejects(MysqlStore.open({ ...parts, url }), { code: 'store_not_ours', message: /"timers"/ });
    assert.deepEqual(await tablesOf(ask), ['timers']);
  });

  it("refuses a database with another program's list of migrations", async (t) => {
    const { url, ask } = await foreignDatabase(
      t,
      'CREATE TABLE migrations (id INT, migration VARCHAR(255), batch INT)',
    );
    await assert.rejects(MysqlStore.open({ ...parts, url }), { code: 'store_not_ours', message: /"migrations"/ });
    assert.deepEqual(await tablesOf(ask), ['migrations']);
  });

  it('shares a database with tables of other names', async (t) => {
    const { url } = await foreignDatabase(t, 'CREATE TABLE invoices (id INT)');
    await openStore(t, { url });
  });

  it('refuses a database that has seen more migrations than this program knows', async (t) => {
    const url = await freshDatabase('mysql', t);
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '9999_more.sql'), 'CREATE TABLE more (value INT);\n');
    await migrate({ ...parts, url, folder });
    await assert.rejects(MysqlStore.open({ ...parts, url }), { code: 'store_too_new' });
  });

  it('refuses a database in which a migration has run that reads differently today', async (t) => {
    const url = await freshDatabase('mysql', t);
    await migrate({ ...parts, url });
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '0002_controllers.sql'), 'CREATE TABLE IF NOT EXISTS other (value INT);\n');
    await assert.rejects(migrate({ ...parts, url, folder }), {
      code: 'store_migration_changed',
      message: /0002_controllers\.sql/,
    });
  });

  it('goes on where a process ended in the middle of a migration', async (t) => {
    const url = await freshDatabase('mysql', t);
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '0002_controllers.sql'), 'CREATE TABLE half (value INT);\nnonsense;\n');
    await assert.rejects(migrate({ ...parts, url, folder }), { code: 'internal', message: /nonsense/ });
    const ask = await connectTo(t, url);
    assert.deepEqual(await ask('SELECT name FROM migrations'), [['0001_timers.sql']]);
    const store = await openStore(t, { url });
    assert.equal((await store.insert([aNewTimer(t0)]))[0]!.kind, 'created');
  });

  it('says what to do about a wrong password, without showing the right one', async (t) => {
    const url = new URL(await freshDatabase('mysql', t));
    url.username = 'nobody';
    url.password = 's3cret';
    await assert.rejects(MysqlStore.open({ ...parts, url: url.href }), ({ code, message }) => {
      assert.equal(code, 'store_denied');
      assert.match(message, /user and password in DATABASE_URL/);
      assert.doesNotMatch(message, /s3cret/);
      return true;
    });
  });

  it('needs no rights but those to the database itself, which an administrator may have made', async (t) => {
    const { url, ask } = await foreignDatabase(t);
    const { name } = parseAddress(url);
    const user = `'${name}'@'%'`;
    await ask(`CREATE USER ${user} IDENTIFIED BY 'secret'`, `GRANT ALL PRIVILEGES ON ${name}.* TO ${user}`);
    const theirs = Object.assign(new URL(url), { username: name, password: 'secret' });
    const other = Object.assign(new URL(theirs), { pathname: `/${name}_other` });
    try {
      const store = await openStore(t, { url: theirs.href });
      assert.equal((await store.insert([aNewTimer(t0)]))[0]!.kind, 'created');
      assert.equal((await store.claim(aClaim())).length, 1);
      await assert.rejects(MysqlStore.open({ ...parts, url: other.href }), { code: 'store_denied', message: /rights/ });
    } finally {
      await ask(`DROP USER ${user}`);
    }
  });

  it('says which server cannot be reached', async () => {
    await assert.rejects(
      MysqlStore.open({ ...parts, url: 'mysql://root:s3cret@127.0.0.1:1/db' }),
      ({ code, message }) => {
        assert.equal(code, 'store_unavailable');
        assert.match(message, /127\.0\.0\.1:1\/db cannot be reached/);
        assert.doesNotMatch(message, /s3cret/);
        return true;
      },
    );
  });

  it('warns of what weakens the promise on the server at hand', async (t) => {
    const url = await freshDatabase('mysql', t);
    const ask = await connectTo(t, new URL('/mysql', url).href);
    const [[before]] = (await ask('SELECT @@GLOBAL.innodb_flush_log_at_trx_commit')) as [[number]];
    await ask('SET GLOBAL innodb_flush_log_at_trx_commit = 2');
    try {
      assert.match((await openStore(t, { url })).warnings.join(), /innodb_flush_log_at_trx_commit is 2/);
    } finally {
      await ask(`SET GLOBAL innodb_flush_log_at_trx_commit = ${before}`);
    }
  });
});

describe('the settings of a server', () => {
  const durable = {
    innodb_flush_log_at_trx_commit: '1',
    innodb_doublewrite: 'ON',
    log_bin: 'ON',
    sync_binlog: '1',
    binlog_format: 'ROW',
  };
  const settings = (change: Partial<typeof durable> = {}) => new Map(Object.entries({ ...durable, ...change }));

  it('give no reason to warn where every commit is synced, with a log of changes or without', () => {
    assert.deepEqual(durabilityWarnings(settings()), []);
    assert.deepEqual(durabilityWarnings(settings({ log_bin: 'OFF', sync_binlog: '0' })), []);
    assert.deepEqual(durabilityWarnings(settings({ innodb_doublewrite: 'DETECT_AND_RECOVER' })), []);
    assert.deepEqual(durabilityWarnings(new Map([['innodb_flush_log_at_trx_commit', '1']])), []);
  });

  it('are each named where they weaken the promise', () => {
    const warnings = (change: Partial<typeof durable>) => durabilityWarnings(settings(change)).join();
    assert.match(warnings({ innodb_flush_log_at_trx_commit: '0' }), /^innodb_flush_log_at_trx_commit is 0/);
    assert.match(warnings({ sync_binlog: '100' }), /^sync_binlog is 100/);
    assert.match(warnings({ innodb_doublewrite: 'OFF' }), /^innodb_doublewrite is off/);
  });

  it('are refused where the server would refuse every write', () => {
    mustLogRows(settings(), 'db');
    mustLogRows(settings({ binlog_format: 'MIXED' }), 'db');
    mustLogRows(settings({ binlog_format: 'STATEMENT', log_bin: 'OFF' }), 'db');
    assert.throws(() => mustLogRows(settings({ binlog_format: 'STATEMENT' }), 'db'), {
      code: 'invalid_configuration',
      message: /binlog_format/,
    });
  });
});

describe('the version of a server', () => {
  it('is new enough from MySQL 8.0 and MariaDB 10.6 on', () => {
    for (const version of ['8.0.35', '8.4.2-log', '9.1.0', '10.6.1-MariaDB', '11.4.2-MariaDB-ubu2404']) {
      mustBeNewEnough(version, 'db');
    }
    for (const version of ['5.7.44', '5.5.5-10.5.9-MariaDB', '10.5.23-MariaDB-log', '5.6']) {
      assert.throws(() => mustBeNewEnough(version, 'db'), { code: 'invalid_configuration', message: /MariaDB 10\.6/ });
    }
  });
});

describe('the address of a MySQL database', () => {
  it('is taken apart, with everything in it that was escaped', () => {
    assert.deepEqual(parseAddress('mysql://us%40er:p%3Aw@db.example:3307/punc%20tual'), {
      shown: 'mysql://us%40er@db.example:3307/punc%20tual',
      name: 'punc tual',
      server: { user: 'us@er', password: 'p:w', host: 'db.example', port: 3307 },
    });
    assert.equal(parseAddress('mariadb://u@[::1]/db').server.host, '::1');
    assert.equal(parseAddress('mariadb://u@[::1]/db').server.port, 3306);
  });

  it('may ask for TLS, or for a socket of this machine', () => {
    assert.deepEqual(parseAddress('mysql://u@h/db?ssl-mode=required').server.ssl, { rejectUnauthorized: false });
    assert.deepEqual(parseAddress('mysql://u@h/db?ssl-mode=VERIFY_IDENTITY').server.ssl, {
      rejectUnauthorized: true,
      verifyIdentity: true,
    });
    assert.equal(parseAddress('mysql://u@h/db?ssl-mode=DISABLED').server.ssl, undefined);
    assert.equal(parseAddress('mysql://u@localhost/db?socket=/run/mysqld.sock').server.socketPath, '/run/mysqld.sock');
  });

  for (const url of [
    'nonsense',
    'postgres://u@h/db',
    'mysql://u@h',
    'mysql://u@h/',
    'mysql://u@h/a/b',
    'mysql://u@h/db?ssl-mode=maybe',
  ]) {
    it(`is refused where it cannot be one: ${url}`, () => {
      assert.throws(() => parseAddress(url), { code: 'invalid_configuration' });
    });
  }
});

it('a migration is taken apart at semicolons that end a line, comments left out', () => {
  const sql = "-- one; two;\nCREATE TABLE a (\n  b INT\n);\n\n  -- d\nINSERT INTO a VALUES ('x;y');\n";
  assert.deepEqual(statementsOf(sql), ['CREATE TABLE a (\n  b INT\n)', "INSERT INTO a VALUES ('x;y')"]);
});
