import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latenessOf } from '../../../src/cli/drill/lateness.ts';

test('there are no percentiles of nothing', () => {
  assert.equal(latenessOf([]), undefined);
});

test('percentiles are values that were measured', () => {
  const { p50, p90, p99, max } = latenessOf(Array.from({ length: 100 }, (_, at) => at + 1))!;
  assert.deepEqual([p50, p90, p99, max], [50, 90, 99, 100]);
});

test('the histogram goes from the first bucket with a timer to the last, and counts each once', () => {
  assert.deepEqual(latenessOf([3, 4.9, 5, 30])!.histogram, [
    { fromMs: 2, toMs: 5, count: 2 },
    { fromMs: 5, toMs: 10, count: 1 },
    { fromMs: 10, toMs: 20, count: 0 },
    { fromMs: 20, toMs: 50, count: 1 },
  ]);
});

test('what is below zero within the doubt was on time, and what is very late has a bucket too', () => {
  const { histogram, p50 } = latenessOf([-0.3, 10, 1e9])!;
  assert.equal(p50, 10);
  assert.deepEqual(histogram.at(0), { fromMs: 0, toMs: 1, count: 1 });
  assert.deepEqual(histogram.at(-1), { fromMs: 50_000, toMs: Infinity, count: 1 });
});
