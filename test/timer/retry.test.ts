import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backoffMs, defaultRetryPolicy, type RetryPolicy, retryAfterMsMax } from '../../src/timer/retry.ts';
import { seededRandom } from '../support/seeded-random.ts';

const nearlyOne = { fraction: () => 1 - 2 ** -53, fill() {} };
const zero = { fraction: () => 0, fill() {} };

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 1000 }),
  initialMs: fc.integer({ min: 0, max: 86_400_000 }),
  maxMs: fc.integer({ min: 0, max: 86_400_000 }),
  factor: fc.oneof(fc.constant(1), fc.double({ min: 1, max: Number.MAX_VALUE, noNaN: true })),
});

describe('the pause after a failure', () => {
  it('is bounded by 1 s, 5 s, 25 s, … one hour by default', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7].map((failures) => backoffMs(defaultRetryPolicy, failures, nearlyOne));
    assert.deepEqual(bounds, [1_000, 5_000, 25_000, 125_000, 625_000, 3_125_000, 3_600_000]);
  });

  it('may be as short as nothing, by full jitter', () => assert.equal(backoffMs(defaultRetryPolicy, 7, zero), 0));

  it('takes every length up to its bound with the same chance', () => {
    const random = seededRandom(1);
    const pauses = Array.from({ length: 4_000 }, () => backoffMs(defaultRetryPolicy, 2, random));
    for (const quarter of [0, 1, 2, 3]) {
      const count = pauses.filter((pause) => pause > quarter * 1250 && pause <= (quarter + 1) * 1250).length;
      assert.ok(Math.abs(count - 1_000) < 150, `${count} in quarter ${quarter}`);
    }
  });

  it('is whole milliseconds between 0 and the longest pause, whatever the policy and however often it failed', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 1000 }), fc.integer(), (policy, failures, seed) => {
        const pause = backoffMs(policy, failures, seededRandom(seed));
        assert.ok(Number.isInteger(pause) && pause >= 0 && pause <= policy.maxMs, String(pause));
      }),
    );
  });

  it('does not grow with a factor of 1', () => {
    const policy = { ...defaultRetryPolicy, factor: 1 };
    assert.equal(backoffMs(policy, 1, nearlyOne), 1_000);
    assert.equal(backoffMs(policy, 100, nearlyOne), 1_000);
  });

  it('is never longer than `max`, even where `initial` is', () => {
    assert.equal(backoffMs({ ...defaultRetryPolicy, initialMs: 5_000, maxMs: 200 }, 1, nearlyOne), 200);
  });

  it('is nothing for an `initial` of nothing, even where the power is beyond all numbers', () => {
    assert.equal(backoffMs({ ...defaultRetryPolicy, initialMs: 0 }, 1000, nearlyOne), 0);
  });
});

describe('Retry-After', () => {
  it('is a floor', () => {
    assert.equal(backoffMs(defaultRetryPolicy, 1, nearlyOne, 60_000), 60_000);
    assert.equal(backoffMs(defaultRetryPolicy, 4, nearlyOne, 60_000), 125_000);
  });

  it('may ask for more than the longest pause, up to a day', () => {
    assert.equal(backoffMs(defaultRetryPolicy, 1, zero, 7_200_000), 7_200_000);
    assert.equal(backoffMs(defaultRetryPolicy, 1, zero, retryAfterMsMax + 1), retryAfterMsMax);
    assert.equal(backoffMs(defaultRetryPolicy, 1, zero, Number.POSITIVE_INFINITY), retryAfterMsMax);
  });

  it('of a time that has passed changes nothing', () => {
    assert.equal(backoffMs(defaultRetryPolicy, 1, nearlyOne, -5_000), 1_000);
  });
});
