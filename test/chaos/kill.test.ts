import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgainAndAgain } from './kill.ts';

const small = { timers: 600, kills: 3, spanMs: 6_000, answerMsMax: 30 };

test('at-least-once: three kills lose nothing, and repeat only calls that were on the wire or just answered', async () => {
  const report = await killAgainAndAgain({ ...small, delivery: 'at-least-once' });
  assert.deepEqual(report.states, { done: 600, failed: 0, uncertain: 0, waiting: 0, executing: 0 });
  const { lost, early, wrongIds, repeatsUnexplained, identityHolds } = report;
  assert.deepEqual(
    { lost, early, wrongIds, repeatsUnexplained, identityHolds },
    { lost: 0, early: 0, wrongIds: 0, repeatsUnexplained: 0, identityHolds: true },
  );
});

test('at-most-once: three kills repeat nothing, and what may have been lost is listed as uncertain', async () => {
  const report = await killAgainAndAgain({ ...small, delivery: 'at-most-once' });
  assert.equal(report.repeats, 0);
  assert.equal(report.lost, 0);
  assert.equal(report.early, 0);
  assert.equal(report.states.done! + report.uncertain, report.accepted);
  assert.equal(report.states.uncertain, report.uncertain);
});
