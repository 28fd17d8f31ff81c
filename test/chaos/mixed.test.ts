import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines } from '../support/servers/databases.ts';
import { harmEverything } from './mixed.ts';

const brief = { forMs: 1, seed: 1, perSecond: 60, spanMs: 3_000, pace: 0.2 };
const file = { engine: 'sqlite', unavailable: false } as const;

for (const { engine, unavailable } of [file, ...(await engines())]) {
  test(`${engine}: whatever goes wrong, nothing is lost, early, or repeated without a cause`, {
    skip: unavailable,
  }, async (t) => {
    const { figures, faults } = await harmEverything({ ...brief, engine });
    t.diagnostic(`harms: ${figures.harms}; left out: ${figures.harmsLeftOut}`);
    assert.deepEqual(faults, []);
    assert.ok((figures.harms as number) >= (engine === 'sqlite' ? 7 : 14));
    assert.ok((figures['counts.done'] as number) > 0);
  });
}
