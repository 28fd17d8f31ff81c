import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openForWriting } from '../../../src/store/sqlite/open.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';
import { openStore, scratchFolder } from './scratch.ts';

const accidents: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  'was removed': (path) => rm(path),
  'was replaced by a copy of itself': async (path) => {
    await copyFile(path, `${path}.copy`);
    await rename(`${path}.copy`, path);
  },
  'was cut': (path) => truncate(path, 8_192),
  'lost its lock': (path) => rm(`${path}.lock`),
  'got another lock': async (path) => {
    await writeFile(`${path}.other`, '');
    await rename(`${path}.other`, `${path}.lock`);
  },
  'lost its WAL': (path) => rm(`${path}-wal`),
  'was moved away and back': async (path) => {
    await rename(path, `${path}.moved`);
  },
};

describe('a SQLite store under which its file', () => {
  for (const [accident, happen] of Object.entries(accidents)) {
    it(`${accident} accepts nothing any more, and says why`, async (t) => {
      const path = join(await scratchFolder(t), 'p.db');
      await (await openStore(t, { path })).close();
      const store = await openStore(t, { path });
      await store.insert([aNewTimer(t0)]);
      await happen(path);
      const refused = { code: 'store_unavailable', message: /p\.db.* (removed|replaced|cut).* start/ };
      await assert.rejects(store.insert([aNewTimer(t0)]), refused);
      if (accident.endsWith('back')) await rename(`${path}.moved`, path);
      await assert.rejects(store.purge({ endedBefore: t0, limit: 1 }), refused);
    });
  }

  it('was removed is not made anew by the next thread that opens it', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const data = {
      role: 'writer',
      path,
      pageCountMax: null,
      listRowsMax: 1,
      pauseMs: 100,
      expireLeases: false,
    } as const;
    assert.throws(() => openForWriting(data).close(), { code: 'store_unavailable', message: /p\.db was removed/ });
    assert.ok(!existsSync(path));
  });

  it('grew and was copied accepts what comes', async (t) => {
    const path = join(await scratchFolder(t), 'p.db');
    const store = await openStore(t, { path });
    for (let round = 0; round < 3; round++) {
      await store.insert(Array.from({ length: 5_000 }, () => aNewTimer(t0)));
      await copyFile(path, `${path}.copy`);
    }
    assert.equal((await store.counts(t0)).accepted, 15_000);
  });
});
