import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Evidence, judge } from '../../../src/cli/drill/verdict.ts';
import { drilled } from './drilled.ts';

const stats = { accepted: 0, identityHolds: true, isPartial: false };

function verdictOf(evidence: Partial<Evidence>) {
  return judge({
    timers: [drilled()],
    othersAccepted: 0,
    offset: { min: 0, max: 0 },
    storeDoubtMs: 1,
    harmFrom: undefined,
    before: stats,
    after: { ...stats, accepted: 100 },
    ...evidence,
  });
}

test('a timer that was called once, when it was due, passes', () => {
  const verdict = verdictOf({});
  assert.deepEqual(verdict.faults, []);
  assert.equal(verdict.received, 1);
});

test('an accepted timer that was not called was missed, whatever state it is in', () => {
  for (const status of ['waiting', 'executing', 'failed', 'done']) {
    const verdict = verdictOf({ timers: [drilled({ calledAt: [], status })] });
    assert.deepEqual(verdict.missed, [{ id: 'a', status, lastAttempt: undefined }]);
    assert.deepEqual(verdict.faults, ['1 accepted and not called']);
  }
});

test('a timer that is uncertain or was cancelled was not missed', () => {
  const timers = ['uncertain', 'cancelled'].map((status) => drilled({ calledAt: [], status }));
  const verdict = verdictOf({ timers });
  assert.deepEqual(verdict.faults, []);
  assert.deepEqual([verdict.uncertain, verdict.cancelled], [1, 1]);
});

test('a create that was never answered is no missed timer, and no pass', () => {
  const verdict = verdictOf({ timers: [drilled({ isAccepted: false, calledAt: [] })] });
  assert.deepEqual(verdict.missed, []);
  assert.deepEqual(verdict.faults, ['1 creates that the service never answered']);
});

test('a timer that is called although its create was never answered was accepted', () => {
  const verdict = verdictOf({ timers: [drilled({ isAccepted: false })] });
  assert.deepEqual(verdict.faults, []);
  assert.equal(verdict.accepted, 1);
});

test('a call is early only beyond what the clocks leave in doubt', () => {
  const early = (calledAt: number) => {
    const timers = [drilled({ dueAt: 10_000, calledAt: [calledAt] })];
    return verdictOf({ timers, offset: { min: 80, max: 100 }, storeDoubtMs: 5 });
  };
  assert.equal(early(9_895).early, 0);
  assert.equal(early(9_890).early, 1);
  assert.equal(early(9_890).earlyMsMax, 5);
  assert.match(early(9_890).faults[0]!, /before they were due/);
});

test('a repeat without harm fails', () => {
  const verdict = verdictOf({ timers: [drilled({ calledAt: [10_000, 11_000] })] });
  assert.equal(verdict.repeats, 1);
  assert.match(verdict.faults.join(), /without any harm/);
});

test('harm explains the repeat of an at-least-once timer whose call it may have met', () => {
  const timers = [drilled({ calledAt: [10_000, 16_000] })];
  assert.deepEqual(verdictOf({ timers, harmFrom: 10_100 }).faults, []);
});

test('harm does not explain the repeat of a call that was answered long before', () => {
  const timers = [drilled({ calledAt: [10_000, 30_000] })];
  assert.match(verdictOf({ timers, harmFrom: 20_000 }).faults.join(), /without any harm/);
});

test('nothing explains the repeat of an at-most-once timer', () => {
  const timers = [drilled({ delivery: 'at-most-once', calledAt: [10_000, 16_000] })];
  assert.match(verdictOf({ timers, harmFrom: 10_100 }).faults.join(), /repeated of at-most-once/);
});

test('a call whose webhook-id is not the id of the timer fails', () => {
  assert.match(verdictOf({ timers: [drilled({ webhookId: 'b' })] }).faults.join(), /another id/);
});

test('/stats must hold its identity, be there at the end, and count at least what the drill knows', () => {
  const broken = { ...stats, accepted: 100, identityHolds: false };
  assert.match(verdictOf({ after: broken }).faults.join(), /identity of \/stats does not hold/);
  assert.match(verdictOf({ before: broken }).faults.join(), /did not hold before/);
  assert.match(verdictOf({ after: 'ECONNREFUSED' }).faults.join(), /could not be read at the end: ECONNREFUSED/);
  assert.match(verdictOf({ after: stats }).faults.join(), /counts 0 accepted timers, the drill 1/);
  assert.deepEqual(verdictOf({ after: { ...stats, isPartial: true } }).faults, []);
});

test('lateness before the harm is told apart', () => {
  const timers = [drilled({ calledAt: [10_002] }), drilled({ dueAt: 20_000, calledAt: [25_000] })];
  const { lateness, latenessBeforeHarm } = verdictOf({ timers, harmFrom: 15_000 });
  assert.deepEqual([lateness!.max, latenessBeforeHarm!.max], [5_000, 2]);
});
