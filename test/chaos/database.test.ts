import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines } from '../support/servers/databases.ts';
import { killDatabase } from './database.ts';

const small = { timers: 1_500, spanMs: 6_000, perSecond: 100, killAfterMs: 2_000, outageMs: 4_000 };

for (const { engine, unavailable } of await engines()) {
  test(`${engine}: a database that dies and comes back loses nothing, and creates are refused meanwhile`, {
    skip: unavailable,
  }, async () => {
    const { figures, faults } = await killDatabase({ ...small, engine });
    assert.deepEqual(faults, []);
    assert.ok((figures.dueDuringOutage as number) > 500);
  });
}
