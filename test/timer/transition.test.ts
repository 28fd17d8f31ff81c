import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Attempt, attemptsKept, type OutcomeKind } from '../../src/timer/outcome.ts';
import { defaultRetryPolicy } from '../../src/timer/retry.ts';
import { type Ended, type EndedStatus, statusAt, statuses, type Timer } from '../../src/timer/timer.ts';
import {
  cancel,
  fire,
  reschedule,
  resolve,
  retry,
  type Settlement,
  settle,
  takeOver,
  type Verdict,
} from '../../src/timer/transition.ts';
import { aSpec, aTimer } from '../support/timers.ts';

const now = Date.UTC(2026, 0, 1);
const full = { fraction: () => 1 - 2 ** -53, fill() {} };
const lease = { owner: 'a', until: now + 6_000 };
const endedStatuses = statuses.filter((status) => status !== 'waiting' && status !== 'executing') as EndedStatus[];

function attempt(outcome: OutcomeKind, change: Partial<Attempt> = {}): Attempt {
  const status = outcome === 'delivered' ? 200 : outcome === 'rejected' ? 500 : null;
  return { number: 1, outcome, startedAt: now, durationMs: 5, status, error: null, response: null, ...change };
}

/** A timer that has had these attempts. */
function tried(outcomes: readonly OutcomeKind[], change: Partial<Timer> = {}): Timer {
  const attempts = outcomes.map((outcome, at) => attempt(outcome, { number: at + 1 }));
  return aTimer(now, { attempts, attemptsMade: attempts.length, ...change });
}

function endedTimer(status: EndedStatus, change: Partial<Timer> = {}): Timer {
  return tried(['rejected'], { ended: { status, at: now - 5 }, ...change });
}

function settled(timer: Timer, outcome: Attempt, retryAfterMs?: number): Settlement {
  return settle(timer, outcome, { nowMs: now + 0.5, random: full, ...(retryAfterMs ? { retryAfterMs } : {}) });
}

function endOf(settlement: Settlement): Ended | undefined {
  return 'ended' in settlement.next ? settlement.next.ended : undefined;
}

function retryAtOf(settlement: Settlement): number {
  assert.ok('retryAt' in settlement.next, JSON.stringify(settlement));
  return settlement.next.retryAt;
}

/** The timer with what was settled, as a store keeps it. */
function after(timer: Timer, settlement: Settlement): Timer {
  const { next, ...counted } = settlement;
  return { ...timer, ...counted, lease: null, begunClaim: null, retryAt: null, ...next };
}

function applied(verdict: Verdict): Timer {
  assert.ok('after' in verdict, JSON.stringify(verdict));
  return verdict.after;
}

function refused(verdict: Verdict, code: string, because: RegExp): void {
  assert.ok('refused' in verdict, JSON.stringify(verdict));
  assert.equal(verdict.refused, code);
  assert.match(verdict.because, because);
}

describe('the outcome of an attempt', () => {
  const table: readonly [string, Attempt, EndedStatus | 'retry', EndedStatus | 'retry'][] = [
    ['delivered', attempt('delivered'), 'done', 'done'],
    ['delivered with 204', attempt('delivered', { status: 204 }), 'done', 'done'],
    ['rejected', attempt('rejected'), 'retry', 'failed'],
    ['rejected with a redirect', attempt('rejected', { status: 302 }), 'retry', 'failed'],
    ['rejected with 410', attempt('rejected', { status: 410 }), 'failed', 'failed'],
    ['unreachable', attempt('unreachable'), 'retry', 'retry'],
    ['unknown', attempt('unknown'), 'retry', 'uncertain'],
    ['blocked', attempt('blocked'), 'failed', 'failed'],
  ];
  for (const [what, outcome, atLeastOnce, atMostOnce] of table) {
    for (const [delivery, meant] of [
      ['at-least-once', atLeastOnce],
      ['at-most-once', atMostOnce],
    ] as const) {
      it(`${what} means ${meant} for ${delivery}`, () => {
        const settlement = settled(aTimer(now, { spec: aSpec({ delivery }), lease }), outcome);
        assert.equal(endOf(settlement)?.status ?? 'retry', meant);
        assert.deepEqual(settlement.attempts, [outcome]);
        assert.equal(settlement.attemptsMade, 1);
        assert.equal(settlement.attemptsMax, 8);
      });
    }
  }

  for (const delivery of ['at-least-once', 'at-most-once'] as const) {
    it(`unreachable means failed once the attempts are used up, for ${delivery}`, () => {
      const timer = tried(Array(7).fill('unreachable'), { spec: aSpec({ delivery }) });
      assert.equal(endOf(settled(timer, attempt('unreachable', { number: 8 })))?.status, 'failed');
    });
  }

  it('that ends a timer says when, in whole milliseconds', () => {
    assert.deepEqual(endOf(settled(aTimer(now), attempt('delivered'))), { status: 'done', at: now });
  });

  it('delivered by the last attempt allowed is done, not failed', () => {
    const timer = tried(Array(7).fill('rejected'));
    assert.equal(endOf(settled(timer, attempt('delivered', { number: 8 })))?.status, 'done');
  });
});

describe('retries', () => {
  it('come after growing pauses until 8 attempts are used up', () => {
    let timer = aTimer(now);
    const pauses: number[] = [];
    for (let number = 1; !timer.ended; number++) {
      const settlement = settled(timer, attempt('rejected', { number }));
      if ('retryAt' in settlement.next) pauses.push(settlement.next.retryAt - now - 1);
      timer = after(timer, settlement);
    }
    assert.deepEqual(pauses, [1_000, 5_000, 25_000, 125_000, 625_000, 3_125_000, 3_600_000]);
    assert.equal(timer.attemptsMade, 8);
    assert.equal(timer.ended?.status, 'failed');
  });

  it('wait for as long as the receiver asked', () => {
    assert.equal(retryAtOf(settled(aTimer(now), attempt('rejected', { status: 429 }), 60_000)), now + 60_001);
  });

  it('are none when one attempt is allowed', () => {
    const spec = aSpec({ retry: { ...defaultRetryPolicy, maxAttempts: 1 } });
    assert.equal(endOf(settled(aTimer(now, { spec, attemptsMax: 1 }), attempt('unknown')))?.status, 'failed');
  });

  it('keep the newest attempts and count them all', () => {
    const spec = aSpec({ retry: { ...defaultRetryPolicy, maxAttempts: 100 } });
    let timer = aTimer(now, { spec, attemptsMax: 100 });
    for (let number = 1; number <= attemptsKept + 2; number++) {
      timer = after(timer, settled(timer, attempt('unreachable', { number })));
    }
    assert.equal(timer.attempts.length, attemptsKept);
    assert.equal(timer.attempts[0]?.number, 3);
    assert.equal(timer.attempts.at(-1)?.number, attemptsKept + 2);
    assert.equal(timer.attemptsMade, attemptsKept + 2);
  });
});

describe('taking over from a dead controller', () => {
  it('sends an at-least-once timer again, with the lost attempt on record and none of those allowed used up', () => {
    const timer = tried(['rejected'], { lease });
    const decision = takeOver(timer, now);
    assert.ok('send' in decision);
    const { send } = decision;
    assert.equal(send.attemptsMade, 2);
    assert.equal(send.attemptsMax, timer.attemptsMax + 1);
    const { error, ...lost } = send.attempts[1]!;
    assert.match(error ?? '', /controller that held the timer stopped .* whether it had sent the call is not known/);
    assert.deepEqual(lost, {
      number: 2,
      outcome: 'unknown',
      startedAt: null,
      durationMs: null,
      status: null,
      response: null,
    });
    assert.equal(send.ended, null);
    assert.equal(send.lease, lease);
  });

  it('goes on with the pauses where they were', () => {
    const decision = takeOver(tried(['rejected']), now);
    assert.ok('send' in decision);
    assert.equal(retryAtOf(settled(decision.send, attempt('rejected', { number: 3 }))), now + 5_001);
  });

  it('never ends an at-least-once timer, however often controllers die', () => {
    let timer = aTimer(now);
    for (let deaths = 1; deaths <= 200; deaths++) {
      const decision = takeOver(timer, now);
      assert.ok('send' in decision);
      timer = decision.send;
    }
    assert.equal(timer.attempts.length, attemptsKept);
    assert.equal(timer.attemptsMade, 200);
    assert.equal(timer.attemptsMax, 208);
    assert.equal(retryAtOf(settled(timer, attempt('rejected', { number: 201 }))), now + 1_001);
  });

  it('makes an at-most-once timer whose call was begun uncertain: it is never sent again', () => {
    const timer = aTimer(now, { spec: aSpec({ delivery: 'at-most-once' }), lease, claim: 5, begunClaim: 4 });
    const decision = takeOver(timer, now + 0.5);
    assert.ok('settle' in decision);
    assert.deepEqual(endOf(decision.settle), { status: 'uncertain', at: now });
    assert.equal(decision.settle.attempts[0]?.outcome, 'unknown');
    assert.equal(decision.settle.attemptsMade, 1);
  });

  it('leaves an at-most-once timer whose call was not begun as it was: nothing was sent', () => {
    const timer = aTimer(now, { spec: aSpec({ delivery: 'at-most-once' }), lease, claim: 5 });
    assert.deepEqual(takeOver(timer, now), { send: timer });
    assert.equal(applied(cancel({ ...timer, lease: null }, now)).ended?.status, 'cancelled');
  });
});

describe('cancel', () => {
  for (const [what, outcomes] of [
    ['never tried', []],
    ['tried without a byte leaving', ['unreachable', 'unreachable']],
  ] as const) {
    it(`takes back a timer that was ${what}`, () => {
      const timer = tried(outcomes, { claim: 3 });
      assert.deepEqual(applied(cancel(timer, now + 0.5)), {
        ...timer,
        ended: { status: 'cancelled', at: now },
        claim: 4,
      });
    });
  }

  for (const outcome of ['rejected', 'unknown'] as const) {
    it(`is too late after an attempt that may have arrived: ${outcome}`, () => {
      refused(cancel(tried(['unreachable', outcome, 'unreachable']), now), 'too_late', /may have been sent already/);
    });
  }

  it('is too late when attempts are no longer on record', () => {
    refused(cancel(tried(['unreachable'], { attemptsMade: 51 }), now), 'too_late', /may have been sent already/);
  });

  it('is too late while a controller holds the timer, even one whose lease ran out', () => {
    refused(cancel(aTimer(now, { lease }), now), 'too_late', /controller holds/);
    refused(cancel(aTimer(now, { lease: { owner: 'a', until: now - 1 } }), now), 'too_late', /controller holds/);
  });

  it('of a cancelled timer is cancelled, unchanged', () => {
    const timer = aTimer(now, { ended: { status: 'cancelled', at: now - 5 } });
    assert.equal(applied(cancel(timer, now)), timer);
  });

  for (const status of ['done', 'failed', 'uncertain'] as const) {
    it(`is too late for a timer that is ${status}`, () => {
      refused(cancel(endedTimer(status), now), 'too_late', new RegExp(`has ended: ${status}`));
    });
  }
});

describe('fire', () => {
  it('brings the due time of a waiting timer to now', () => {
    const timer = aTimer(now, { dueAt: now + 9_000, claim: 3 });
    assert.deepEqual(applied(fire(timer, now + 0.5)), { ...timer, dueAt: now, claim: 4 });
  });

  it('brings the next retry to now, and leaves the due time', () => {
    const timer = tried(['rejected'], { dueAt: now - 5, retryAt: now + 9_000, claim: 3 });
    assert.deepEqual(applied(fire(timer, now)), { ...timer, retryAt: now, claim: 4 });
  });

  it('brings the new due time of a timer that was tried and rescheduled to now', () => {
    const timer = applied(reschedule(tried(['rejected'], { retryAt: now + 5 }), { dueAt: now + 9_000 }));
    const fired = applied(fire(timer, now));
    assert.equal(fired.dueAt, now);
    assert.equal(fired.retryAt, null);
  });

  it('does not make an overdue timer younger', () => {
    assert.equal(applied(fire(aTimer(now, { dueAt: now - 9_000 }), now)).dueAt, now - 9_000);
    assert.equal(applied(fire(tried(['rejected'], { retryAt: now - 9_000 }), now)).retryAt, now - 9_000);
  });

  it('is too late while a controller holds the timer', () => {
    refused(fire(aTimer(now, { lease }), now), 'too_late', /controller holds/);
  });

  for (const status of endedStatuses) {
    it(`cannot bring back a timer that is ${status}`, () => {
      refused(fire(endedTimer(status), now), 'already_ended', /\/retry sends/);
    });
  }
});

describe('retry by hand', () => {
  for (const status of ['failed', 'uncertain'] as const) {
    it(`sends a timer that is ${status} again, with all its attempts anew`, () => {
      const outcomes: OutcomeKind[] = Array(8).fill('rejected');
      const timer = tried(outcomes, { ended: { status, at: now - 5 }, claim: 9, begunClaim: 9 });
      const again = applied(retry(timer, now + 0.5));
      assert.deepEqual(again, { ...timer, ended: null, retryAt: now, attemptsMax: 16, begunClaim: null, claim: 10 });
      assert.equal(statusAt(again, now), 'waiting');
      assert.equal(retryAtOf(settled(again, attempt('rejected', { number: 9 }))), now + 1_001);
    });
  }

  it('allows as many attempts as the policy does, and then fails again', () => {
    let timer = applied(retry(endedTimer('failed'), now));
    while (!timer.ended) timer = after(timer, settled(timer, attempt('rejected', { number: timer.attemptsMade + 1 })));
    assert.equal(timer.attemptsMade, 9);
    assert.equal(timer.ended.status, 'failed');
    assert.equal(applied(retry(timer, now)).attemptsMax, 17);
  });

  for (const status of ['done', 'cancelled'] as const) {
    it(`never brings back a timer that is ${status}`, () => {
      refused(retry(endedTimer(status), now), 'already_ended', new RegExp(`this one is ${status}`));
    });
  }

  it('is for timers that have ended', () => refused(retry(tried(['rejected']), now), 'not_ended', /\/fire/));
});

describe('resolve', () => {
  for (const as of ['done', 'failed'] as const) {
    it(`makes an uncertain timer ${as}`, () => {
      const timer = endedTimer('uncertain', { claim: 4 });
      assert.deepEqual(applied(resolve(timer, as, now + 0.5)), { ...timer, ended: { status: as, at: now }, claim: 5 });
    });

    it(`ends a timer between two attempts as ${as}`, () => {
      assert.equal(applied(resolve(tried(['rejected'], { retryAt: now + 5 }), as, now)).ended?.status, as);
    });

    it(`of a timer that is ${as} leaves it unchanged`, () => {
      const timer = endedTimer(as);
      assert.equal(applied(resolve(timer, as, now)), timer);
    });
  }

  for (const [status, as] of [
    ['done', 'failed'],
    ['failed', 'done'],
    ['cancelled', 'done'],
    ['cancelled', 'failed'],
  ] as const) {
    it(`cannot make a timer that is ${status} ${as}`, () => {
      refused(resolve(endedTimer(status), as, now), 'already_ended', new RegExp(`this one is ${status}`));
    });
  }

  it('is not for a timer that was never tried', () => {
    refused(resolve(aTimer(now), 'failed', now), 'not_ended', /\/cancel takes it back/);
  });

  it('is too late while a controller holds the timer', () => {
    refused(resolve(tried(['rejected'], { lease }), 'failed', now), 'too_late', /controller holds/);
  });
});

describe('reschedule', () => {
  it('gives another due time, and drops the retry of the old one', () => {
    const timer = tried(['rejected'], { retryAt: now + 5, claim: 3 });
    assert.deepEqual(applied(reschedule(timer, { dueAt: now + 9_000 })), {
      ...timer,
      dueAt: now + 9_000,
      retryAt: null,
      claim: 4,
    });
  });

  it('of the content alone leaves the times', () => {
    const timer = tried(['rejected'], { retryAt: now + 5, claim: 3 });
    const spec = aSpec({ body: 'other' });
    assert.deepEqual(applied(reschedule(timer, { spec })), { ...timer, spec, claim: 4 });
  });

  it('to another number of attempts counts those already made', () => {
    const withAttempts = (maxAttempts: number) => aSpec({ retry: { ...defaultRetryPolicy, maxAttempts } });
    const timer = tried(['rejected', 'rejected', 'rejected']);
    assert.equal(applied(reschedule(timer, { spec: withAttempts(20) })).attemptsMax, 20);
    const fewer = applied(reschedule(timer, { spec: withAttempts(2) }));
    assert.equal(fewer.attemptsMax, 2);
    assert.equal(endOf(settled(fewer, attempt('rejected', { number: 4 })))?.status, 'failed');
    assert.equal(applied(reschedule(fewer, { spec: withAttempts(8) })).attemptsMax, 8);
    const retried = applied(retry(endedTimer('failed'), now));
    assert.equal(applied(reschedule(retried, { spec: withAttempts(2) })).attemptsMax, 3);
  });

  it('cannot promise at-most-once for what may have been sent', () => {
    const spec = aSpec({ delivery: 'at-most-once' });
    refused(reschedule(tried(['unknown']), { spec }), 'too_late', /may have been sent already/);
    assert.equal(applied(reschedule(tried(['unreachable']), { spec })).spec.delivery, 'at-most-once');
    assert.equal(applied(reschedule(aTimer(now), { spec })).spec.delivery, 'at-most-once');
    const byHand = applied(retry(endedTimer('uncertain', { spec }), now));
    assert.equal(applied(reschedule(byHand, { spec: { ...spec, body: 'x' } })).spec.body, 'x');
  });

  it('is too late while a controller holds the timer', () => {
    refused(reschedule(aTimer(now, { lease }), { dueAt: now }), 'too_late', /controller holds/);
  });

  for (const status of endedStatuses) {
    it(`cannot bring back a timer that is ${status}`, () => {
      refused(reschedule(endedTimer(status), { dueAt: now + 5 }), 'already_ended', new RegExp(status));
    });
  }
});
