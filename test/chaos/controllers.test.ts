import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines } from '../support/servers/databases.ts';
import { tormentControllers } from './controllers.ts';

const small = { timers: 3_000, spanMs: 9_000, everyMs: 4_000, pauseMs: 8_000, delivery: 'mixed' } as const;

for (const { engine, unavailable } of await engines()) {
  test(`${engine}: controllers that are killed and paused lose nothing, and repeat only what was on the wire`, {
    skip: unavailable,
  }, async () => {
    const { figures, faults } = await tormentControllers({ ...small, engine });
    // How late timers are is measured by the command, on a machine that does nothing else.
    const broken = faults.filter((fault) => !fault.includes('too late'));
    assert.deepEqual(broken, []);
    assert.ok((figures.heldByKilled as number) > 0);
    assert.equal(figures.kills, 2);
    assert.equal(figures.pauses, 2);
  });
}
