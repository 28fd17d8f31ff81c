import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines } from '../support/servers/databases.ts';
import { restartAll } from './rolling.ts';

const small = { apis: 2, controllers: 2, perSecond: 100, restMs: 1_000, rounds: 1 };

for (const { engine, unavailable } of await engines()) {
  test(`${engine}: a rolling restart loses nothing and repeats nothing`, { skip: unavailable }, async () => {
    const { faults } = await restartAll({ ...small, engine });
    // How late timers are is measured by the command, on a machine that does nothing else.
    const broken = faults.filter((fault) => !fault.startsWith('lateness'));
    assert.deepEqual(broken, []);
  });
}
