import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgainAndAgain } from './kill.ts';

const small = { timers: 600, kills: 3, spanMs: 6_000 };

test('at-least-once: three kills lose nothing, and repeat only calls that were on the wire or just answered', async () => {
  const { figures, faults } = await killAgainAndAgain({ ...small, delivery: 'at-least-once' });
  assert.deepEqual(faults, []);
  assert.equal(figures.done, 600);
});

test('at-most-once: three kills repeat nothing, and what may have been lost is listed as uncertain', async () => {
  const { figures, faults } = await killAgainAndAgain({ ...small, delivery: 'at-most-once' });
  assert.deepEqual(faults, []);
  assert.equal(figures.repeats, 0);
});
