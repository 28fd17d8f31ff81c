import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../support/checker/evidence.ts';
import { disturbancesOf, type Evidence, faultsOf, judge } from './verdict.ts';

const call: Call = {
  id: 'a',
  order: Number.NaN,
  webhookId: 'a',
  sender: 7,
  arrivedAt: 1_000,
  endedAt: 1_010,
  status: 200,
};
const repeat = { ...call, arrivedAt: 7_000, endedAt: 7_010, sender: 8 };

/** What is wrong with a run of one timer, `a`, due at 1,000, which was called once unless a test says otherwise. */
function faults(evidence: Partial<Evidence> & { calls?: readonly Call[]; delivery?: 'at-most-once' } = {}) {
  const { calls = [call], delivery = 'at-least-once', ...rest } = evidence;
  return faultsOf(
    judge({
      accepted: new Map([['a', { dueAt: 1_000, delivery }]]),
      uncertain: new Set(),
      received: calls,
      disturbances: [],
      ...rest,
    }),
  );
}

test('a timer that was called once, in time, is as promised', () => {
  assert.deepEqual(faults(), []);
});

test('a timer that nobody called is lost, unless it is said to be uncertain', () => {
  assert.deepEqual(faults({ calls: [] }), ['1 timers were lost']);
  assert.deepEqual(faults({ calls: [], uncertain: new Set(['a']) }), []);
});

test('a call before the due time is early', () => {
  assert.deepEqual(faults({ calls: [{ ...call, arrivedAt: 999 }] }), ['1 calls were early']);
});

test('a repeat is explained by a kill of its process while the earlier call was on the wire or just answered, and by nothing else', () => {
  const calls = [call, repeat];
  const unexplained = ['1 repeats cannot be explained'];
  const killed = (at: number, pid: number) => ({ calls, disturbances: disturbancesOf([{ pid, at }]) });
  assert.deepEqual(faults({ calls }), unexplained);
  assert.deepEqual(faults(killed(1_005, 7)), []);
  assert.deepEqual(faults(killed(1_260, 7)), []);
  assert.deepEqual(faults(killed(1_261, 7)), unexplained);
  assert.deepEqual(faults(killed(1_005, 8)), unexplained, 'another process was killed');
  assert.deepEqual(
    faults({ ...killed(1_005, 8), calls: [{ ...call, sender: undefined }, repeat] }),
    [],
    'nobody knows whose it was',
  );
});

test('a call counts as sent when it says so, however late a busy receiver reads it', () => {
  const disturbances = disturbancesOf([{ pid: 7, at: 1_500 }]);
  const late = { ...call, arrivedAt: 3_000, endedAt: 3_010 };
  assert.deepEqual(faults({ calls: [{ ...late, sentAt: 1_000 }, repeat], disturbances }), []);
  assert.deepEqual(faults({ calls: [{ ...late, sentAt: 2_000 }, repeat], disturbances }), [
    '1 repeats cannot be explained',
  ]);
});

test('an at-most-once timer is never repeated, whatever explains it', () => {
  const disturbances = disturbancesOf([{ pid: 7, at: 1_005 }]);
  assert.deepEqual(faults({ calls: [call, repeat], disturbances, delivery: 'at-most-once' }), [
    '1 calls of at-most-once timers were repeated',
  ]);
});

test('a call under another webhook-id, and one for a timer that nobody was told of, are wrong', () => {
  assert.deepEqual(faults({ calls: [{ ...call, webhookId: 'b' }] }), [
    "1 calls had another webhook-id than their timer's",
  ]);
  assert.deepEqual(faults({ calls: [call, { ...call, id: 'b', webhookId: 'b' }] }), [
    '1 calls were for timers that nobody was told of',
  ]);
});
