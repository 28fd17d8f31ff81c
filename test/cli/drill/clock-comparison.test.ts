import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockComparison } from '../../../src/cli/drill/clock-comparison.ts';

test('nothing is known before the first answer', () => {
  assert.equal(new ClockComparison().offset(), undefined);
});

test('every answer narrows how far the clocks may be apart', () => {
  const comparison = new ClockComparison();
  comparison.add({ sentAt: 0, answeredAt: 20, serviceAt: 510 });
  assert.deepEqual(comparison.offset(), { min: 489, max: 510 });
  comparison.add({ sentAt: 100, answeredAt: 104, serviceAt: 602 });
  assert.deepEqual(comparison.offset(), { min: 497, max: 502 });
});

test('an answer that came late, to a create that was repeated, contradicts nothing', () => {
  const comparison = new ClockComparison();
  comparison.add({ sentAt: 100, answeredAt: 104, serviceAt: 602 });
  comparison.add({ sentAt: 200, answeredAt: 9_000, serviceAt: 701 });
  assert.deepEqual(comparison.offset(), { min: 497, max: 501 });
});

test('clocks that move apart are known to be within the range that they moved in', () => {
  const comparison = new ClockComparison();
  comparison.add({ sentAt: 0, answeredAt: 1, serviceAt: 10 });
  comparison.add({ sentAt: 100, answeredAt: 101, serviceAt: 150 });
  assert.deepEqual(comparison.offset(), { min: 10, max: 48 });
});
