import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutcomeKind } from '../../src/timer/outcome.ts';
import { Breaker } from '../../src/webhook/breaker.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** A breaker whose pauses are as long as they may be. */
function aBreaker(fraction = 1): Breaker {
  return new Breaker({ ...seededRandom(1), fraction: () => fraction });
}

function record(breaker: Breaker, outcomes: readonly OutcomeKind[], now = 0): void {
  for (const outcome of outcomes) breaker.record(outcome, { isProbe: false, now });
}

/** Open since 0, so that its first probe may pass at 1,000. */
function anOpenBreaker(): Breaker {
  const breaker = aBreaker();
  record(breaker, Array(5).fill('unreachable'));
  return breaker;
}

describe('a closed breaker', () => {
  for (const outcome of ['unreachable', 'unknown'] as const) {
    test(`opens after five calls in a row that were ${outcome}`, () => {
      const breaker = aBreaker();
      record(breaker, Array(4).fill(outcome));
      assert.equal(breaker.state, 'closed');
      record(breaker, [outcome]);
      assert.equal(breaker.state, 'open');
      assert.equal(breaker.opensUntil, 1_000);
    });
  }

  for (const answer of ['delivered', 'rejected'] as const) {
    test(`begins to count anew after a call that was ${answer}`, () => {
      const breaker = aBreaker();
      record(breaker, ['unknown', 'unknown', 'unknown', 'unknown', answer, 'unknown', 'unknown', 'unknown', 'unknown']);
      assert.equal(breaker.state, 'closed');
    });
  }

  test('does not count blocked calls, nor do they make it count anew', () => {
    const breaker = aBreaker();
    record(breaker, Array(20).fill('blocked'));
    assert.equal(breaker.state, 'closed');
    record(breaker, ['unknown', 'unknown', 'blocked', 'unknown', 'unknown', 'blocked', 'unknown']);
    assert.equal(breaker.state, 'open');
  });
});

describe('an open breaker', () => {
  test('lets nothing through before its pause is over, then a single probe', () => {
    const breaker = anOpenBreaker();
    assert.equal(breaker.admit(999), 'no');
    assert.equal(breaker.admit(1_000), 'probe');
    assert.equal(breaker.state, 'half-open');
    assert.equal(breaker.admit(1_000), 'no');
    assert.equal(breaker.admit(99_000), 'no');
  });

  for (const answer of ['delivered', 'rejected'] as const) {
    test(`closes when its probe is ${answer}`, () => {
      const breaker = anOpenBreaker();
      breaker.admit(1_000);
      breaker.record(answer, { isProbe: true, now: 1_010 });
      assert.equal(breaker.state, 'closed');
      assert.equal(breaker.admit(1_010), 'yes');
    });
  }

  test('closes when a call that was on the wire when it opened gets an answer', () => {
    const breaker = anOpenBreaker();
    record(breaker, ['delivered'], 10);
    assert.equal(breaker.state, 'closed');
  });

  test('is not kept open longer by calls that were on the wire when it opened', () => {
    const breaker = anOpenBreaker();
    record(breaker, Array(60).fill('unknown'), 900);
    assert.equal(breaker.opensUntil, 1_000);
  });

  test('doubles its pause with every probe that fails, up to 30 s, and begins anew once it has closed', () => {
    const breaker = anOpenBreaker();
    const pauses = [];
    let now = 1_000;
    for (let probe = 0; probe < 7; probe++) {
      assert.equal(breaker.admit(now), 'probe');
      breaker.record('unreachable', { isProbe: true, now });
      pauses.push(breaker.opensUntil! - now);
      now = breaker.opensUntil!;
    }
    assert.deepEqual(pauses, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    breaker.admit(now);
    breaker.record('delivered', { isProbe: true, now });
    record(breaker, Array(5).fill('unknown'), now);
    assert.equal(breaker.opensUntil, now + 1_000);
  });

  test('leaves half of its pause to chance', () => {
    const breaker = aBreaker(0);
    record(breaker, Array(5).fill('unknown'));
    assert.equal(breaker.opensUntil, 500);
  });

  test('lets the next call be the probe when the probe was never sent, or was blocked', () => {
    const breaker = anOpenBreaker();
    assert.equal(breaker.admit(1_000), 'probe');
    breaker.probeLost();
    assert.equal(breaker.admit(1_001), 'probe');
    breaker.record('blocked', { isProbe: true, now: 1_002 });
    assert.equal(breaker.admit(1_002), 'probe');
  });

  test('takes a probe that fails after another call’s answer closed it for an ordinary call', () => {
    const breaker = anOpenBreaker();
    breaker.admit(1_000);
    record(breaker, ['delivered'], 1_001);
    breaker.record('unknown', { isProbe: true, now: 1_002 });
    assert.equal(breaker.state, 'closed');
  });
});
