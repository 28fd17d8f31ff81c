import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { migrate } from '../../../src/store/sqlite/migrate.ts';
import type { TestContext } from '../conformance.ts';
import { scratchFolder } from './scratch.ts';

const options = { path: 'some.db', applicationId: 7 };

/** A copy of the engine's migrations that a test may change. */
async function copyOfMigrations(context: TestContext): Promise<string> {
  const folder = join(await scratchFolder(context), 'migrations');
  await mkdir(folder);
  await cp(join(import.meta.dirname, '../../../src/store/sqlite/migrations'), folder, { recursive: true });
  return folder;
}

describe('migrations of the SQLite engine', () => {
  it('run once, and only those that have not', async (t) => {
    const folder = await copyOfMigrations(t);
    const database = new DatabaseSync(':memory:');
    migrate(database, { ...options, folder });
    await writeFile(join(folder, '9999_more.sql'), 'CREATE TABLE more (value)');
    migrate(database, { ...options, folder });
    migrate(database, { ...options, folder });
    database.exec('INSERT INTO more VALUES (1)');
    const names = database.prepare('SELECT name FROM migrations ORDER BY number').all();
    assert.deepEqual(
      names.map(({ name }) => name),
      ['0001_timers.sql', '0002_controllers.sql', '9999_more.sql'],
    );
    assert.equal(database.prepare('PRAGMA application_id').get()!.application_id, 7);
  });

  it('leave nothing behind when one fails', async (t) => {
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '9999_broken.sql'), 'CREATE TABLE more (value); nonsense');
    const database = new DatabaseSync(':memory:');
    assert.throws(() => migrate(database, { ...options, folder }), /nonsense/);
    assert.deepEqual(database.prepare('SELECT name FROM sqlite_schema').all(), []);
  });

  it('refuse a database in which one has run that reads differently today', async (t) => {
    const folder = await copyOfMigrations(t);
    const database = new DatabaseSync(':memory:');
    migrate(database, { ...options, folder });
    await appendFile(join(folder, '0001_timers.sql'), '-- changed\n');
    assert.throws(() => migrate(database, { ...options, folder }), {
      code: 'store_migration_changed',
      message: /some\.db.*0001_timers\.sql/,
    });
  });

  it('refuse a database that has seen more than this program knows', async (t) => {
    const folder = await copyOfMigrations(t);
    await writeFile(join(folder, '9999_more.sql'), 'CREATE TABLE more (value)');
    const database = new DatabaseSync(':memory:');
    migrate(database, { ...options, folder });
    assert.throws(() => migrate(database, options), { code: 'store_too_new', message: /some\.db/ });
  });
});
