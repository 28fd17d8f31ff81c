import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../../../src/cli/drill/plan.ts';

const plan = planOf({ timers: 1_000, seconds: 30, delivery: 'mixed' });

test('timers are created at an even rate over the span', () => {
  assert.deepEqual([plan[0]!.createAfterMs, plan[500]!.createAfterMs, plan[999]!.createAfterMs], [0, 15_000, 29_970]);
});

test('half of them run for at most a second, the rest for longer, and none by more than a second past the end of the span', () => {
  const half = (parity: number) => plan.filter(({ number }) => number % 2 === parity).map(({ delayMs }) => delayMs);
  assert.ok(half(0).every((delayMs) => delayMs <= 1_000));
  assert.ok(half(1).every((delayMs) => delayMs >= 1_000));
  assert.ok(plan.every(({ createAfterMs, delayMs }) => createAfterMs + delayMs <= 31_000));
});

test('mixed has short and long timers of both kinds', () => {
  for (const delivery of ['at-least-once', 'at-most-once'] as const) {
    for (const parity of [0, 1]) {
      assert.equal(plan.filter((timer) => timer.delivery === delivery && timer.number % 2 === parity).length, 250);
    }
  }
});

test('a span of one second has delays that can be asked for', () => {
  for (const { delayMs } of planOf({ timers: 10, seconds: 1, delivery: 'at-most-once' })) {
    assert.ok(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= 1_000);
  }
});
