import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { SqliteStore } from '../../../src/store/sqlite/store.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { openStore, scratchFolder } from './scratch.ts';

function refuses(path: string, code: string): Promise<void> {
  const named = new RegExp(RegExp.escape(basename(path)));
  return assert.rejects(SqliteStore.open({ path }), { name: 'PunctualError', code, message: named });
}

describe('opening a SQLite store', () => {
  it('finds again what was stored before', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const fresh = aNewTimer(t0);
    const first = await openStore(t, { path });
    await first.insert([fresh]);
    await first.close();
    const second = await openStore(t, { path });
    assert.equal((await second.get(fresh.id))?.id, fresh.id);
    assert.equal((await second.counts(t0)).accepted, 1);
  });

  it('refuses a file that is no database, and leaves it as it was', async (t) => {
    const folder = await scratchFolder(t);
    const path = join(folder, 'letter.txt');
    const letter = 'Dear reader, this is no database. '.repeat(100);
    await writeFile(path, letter);
    await refuses(path, 'store_not_a_database');
    assert.equal(await readFile(path, 'utf8'), letter);
    assert.deepEqual(readdirSync(folder), ['letter.txt']);
  });

  it('refuses a database that lost its end', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    await (await openStore(t, { path })).close();
    await truncate(path, 4_096);
    await refuses(path, 'store_not_a_database');
  });

  it("refuses another program's database, and leaves it as it was", async (t) => {
    const path = join(await scratchFolder(t), 'theirs.db');
    const theirs = new DatabaseSync(path);
    theirs.exec('CREATE TABLE songs (title)');
    theirs.close();
    const before = await readFile(path);
    await refuses(path, 'store_not_ours');
    assert.deepEqual(await readFile(path), before);
  });

  it('refuses a folder, a missing folder, and one in which nothing can be made', async (t) => {
    const folder = await scratchFolder(t);
    await mkdir(join(folder, 'folder'));
    await refuses(join(folder, 'folder'), 'store_unwritable');
    await refuses(join(folder, 'missing', 'p.db'), 'store_unwritable');
    assert.ok(!existsSync(join(folder, 'missing')));
    await refuses('/proc/p.db', 'store_unwritable');
  });

  it('refuses to keep timers in memory', async () => {
    await assert.rejects(SqliteStore.open({ path: ':memory:' }), { code: 'invalid_configuration' });
    await assert.rejects(SqliteStore.open({ path: '' }), { code: 'invalid_configuration' });
  });

  it('refuses a file that is open already, by whatever name, until it is closed', async (t) => {
    const folder = await scratchFolder(t);
    const path = join(folder, 'p.db');
    const first = await openStore(t, { path });
    symlinkSync(path, join(folder, 'link.db'));
    await refuses(path, 'store_locked');
    await assert.rejects(SqliteStore.open({ path: join(folder, 'link.db') }), { code: 'store_locked' });
    await first.insert([aNewTimer(t0)]);
    await first.close();
    assert.equal((await (await openStore(t, { path })).counts(t0)).accepted, 1);
  });

  it('says what time it is on this machine, in milliseconds', async (t) => {
    const store = await openStore(t);
    const before = Date.now();
    const time = await store.time();
    assert.ok(time >= before && time <= Date.now(), `${time} after ${before}`);
    assert.ok(Number.isInteger(time));
  });
});

it('makes files that only their owner may read', async (t) => {
  const folder = await scratchFolder(t);
  await openStore(t, { path: join(folder, 'punctual.db') });
  const files = readdirSync(folder);
  assert.ok(files.length >= 2);
  for (const file of files) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
});
