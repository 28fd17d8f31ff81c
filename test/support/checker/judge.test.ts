import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Disturbance, ofSender } from './disturbances.ts';
import type { Call, Change, Counts, Evidence, ListedTimer, Order, Try } from './evidence.ts';
import { judge } from './judge.ts';

const accepted: Try = { startedAt: 0, endedAt: 10, dueAtMin: 1_000, answer: { kind: 'ok', id: 'a', dueAt: 1_000 } };
const unknown: Try = { ...accepted, answer: { kind: 'unknown' } };
const refused: Try = { ...accepted, answer: { kind: 'refused' } };
const order: Order = { number: 1, delivery: 'at-least-once', keyed: true, tries: [accepted], changes: [] };
const call: Call = { id: 'a', order: 1, webhookId: 'a', sender: 7, arrivedAt: 1_000, endedAt: 1_010, status: 200 };
const repeat: Call = { ...call, arrivedAt: 7_000, endedAt: 7_010, sender: 8 };
const failed: Call = { ...call, status: 500 };
const listed: ListedTimer = { id: 'a', order: 1, status: 'done' };
const cancel: Change = { what: 'cancel', startedAt: 20, endedAt: 30, dueAtMin: 0, answer: { kind: 'ok', dueAt: 0 } };
const later: Change = {
  what: 'reschedule',
  startedAt: 20,
  endedAt: 30,
  dueAtMin: 2_000,
  answer: { kind: 'ok', dueAt: 2_000 },
};

function countsOf(timers: readonly ListedTimer[]): Counts {
  const many = (status: ListedTimer['status']) => timers.filter((timer) => timer.status === status).length;
  return {
    accepted: timers.length,
    waiting: many('waiting'),
    executing: many('executing'),
    done: many('done'),
    failed: many('failed'),
    cancelled: many('cancelled'),
    uncertain: many('uncertain'),
    purged: 0,
    auditEqual: true,
  };
}

interface Run extends Partial<Evidence> {
  /** Differs from the one order that there is. */
  readonly order?: Partial<Order>;
  readonly status?: ListedTimer['status'];
}

/** Judges a run of one timer, `a`, due at 1,000 and called once then, but for what a test says otherwise. */
function judged({ order: other, status = 'done', ...evidence }: Run) {
  const timers = evidence.timers ?? [{ ...listed, status }];
  return judge({
    orders: [{ ...order, ...other }],
    calls: [call],
    counts: countsOf(timers),
    disturbances: [],
    ...evidence,
    timers,
  });
}

const faults = (run: Run = {}) => judged(run).faults;
const killed = (at: number, pid: number): Disturbance[] => [{ concerns: ofSender(pid), from: at, until: at }];
const once = { delivery: 'at-most-once' } as const;

test('a timer that was called once, in time, is as promised', () => {
  assert.deepEqual(faults(), []);
});

test('a run says how many calls nothing would have excused from being repeated', () => {
  assert.equal(judged({}).figures.callsNothingExcuses, 1);
  assert.equal(judged({ calls: [failed] }).figures.callsNothingExcuses, 0);
  assert.equal(judged({ disturbances: killed(1_005, 7) }).figures.callsNothingExcuses, 0);
  assert.equal(judged({ disturbances: killed(1_005, 8) }).figures.callsNothingExcuses, 1);
});

test('an accepted timer is lost where it is gone, has no end, or is done without a call that succeeded', () => {
  assert.deepEqual(faults({ timers: [], calls: [] }), ['1 accepted timers were lost: a (gone)']);
  assert.deepEqual(faults({ status: 'waiting', calls: [] }), ['1 accepted timers were lost: a (waiting)']);
  assert.deepEqual(faults({ calls: [] }), ['1 accepted timers were lost: a (done without a call)']);
  assert.deepEqual(faults({ calls: [failed] }), ['1 accepted timers were lost: a (done without a call)']);
  assert.equal(judged({ calls: [] }).figures.lost, 1);
});

test('a call before the due time is early', () => {
  const { figures, faults } = judged({ calls: [{ ...call, arrivedAt: 997 }] });
  assert.deepEqual(faults, ['1 calls were early: a by 3 ms']);
  assert.equal(figures.earliestMs, 3);
});

test('a call that stems from a create nobody was told of is early before the time that was asked for', () => {
  const run = { order: { tries: [unknown] } };
  assert.deepEqual(faults(run), []);
  assert.deepEqual(faults({ ...run, calls: [{ ...call, arrivedAt: 999 }] }), ['1 calls were early: a by 1 ms']);
});

test('after a reschedule that was answered the new due time counts, and until its answer both', () => {
  const run = { order: { changes: [later] } };
  assert.deepEqual(faults(run), ['1 calls were early: a by 1000 ms']);
  assert.deepEqual(faults({ ...run, calls: [{ ...call, arrivedAt: 2_000 }] }), []);
  assert.deepEqual(faults({ order: { changes: [{ ...later, endedAt: 1_001 }] } }), [], 'not answered yet');
});

test('of two reschedules that were under way at the same time either may have been the last', () => {
  const sooner = { ...later, startedAt: 15, endedAt: 40, answer: { kind: 'ok', dueAt: 500 } } as const;
  const calls = [{ ...call, arrivedAt: 600 }];
  assert.deepEqual(faults({ order: { changes: [sooner, later] }, calls }), []);
  assert.deepEqual(faults({ order: { changes: [{ ...sooner, endedAt: 19 }, later] }, calls }), [
    '1 calls were early: a by 1400 ms',
  ]);
});

test('a reschedule of which nobody knows makes both due times possible, and one that was refused changes nothing', () => {
  const sooner = { ...later, dueAtMin: 500, answer: { kind: 'unknown' } } as const;
  const calls = [{ ...call, arrivedAt: 600 }];
  assert.deepEqual(faults({ order: { changes: [sooner] }, calls }), []);
  assert.deepEqual(faults({ order: { changes: [sooner] } }), []);
  const no = { ...sooner, answer: { kind: 'refused' } } as const;
  assert.deepEqual(faults({ order: { changes: [no] }, calls }), ['1 calls were early: a by 400 ms']);
});

test('a fire moves the due time to when it was asked for', () => {
  const fire: Change = { ...later, what: 'fire', dueAtMin: 20, answer: { kind: 'ok', dueAt: 20 } };
  assert.deepEqual(faults({ order: { changes: [fire] }, calls: [{ ...call, arrivedAt: 25 }] }), []);
});

test('a repeat after a call that failed needs no excuse', () => {
  const run = judged({ calls: [failed, repeat] });
  assert.deepEqual(run.faults, []);
  assert.equal(run.figures.repeatsAfterFailure, 1);
  assert.deepEqual(faults({ calls: [{ ...call, status: undefined }, repeat] }), []);
});

test('a repeat is explained by a kill of its process while the earlier call was on the wire or just answered, and by nothing else', () => {
  const calls = [call, repeat];
  const unexplained = (why: string) => [`1 repeats cannot be explained: a after its call at 1000, ${why}`];
  const nothing = unexplained('and nothing disturbed that');
  assert.deepEqual(faults({ calls }), nothing);
  assert.deepEqual(faults({ calls, disturbances: killed(1_005, 7) }), []);
  assert.deepEqual(faults({ calls, disturbances: killed(1_260, 7) }), []);
  const tooLate = unexplained('answered 251 ms before anything disturbed it');
  assert.deepEqual(faults({ calls, disturbances: killed(1_261, 7) }), tooLate);
  assert.deepEqual(faults({ calls, disturbances: killed(1_005, 8) }), nothing, 'another process was killed');
  const nobodys = [{ ...call, sender: undefined }, repeat];
  assert.deepEqual(faults({ calls: nobodys, disturbances: killed(1_005, 8) }), [], 'nobody knows whose it was');
});

test('a second call while the first is on the wire cannot be explained without a disturbance', () => {
  const hanging = { ...call, endedAt: 8_000, status: undefined };
  assert.deepEqual(faults({ calls: [hanging, repeat] }), [
    '1 repeats cannot be explained: a after its call at 1000, and nothing disturbed that',
  ]);
});

test('an at-most-once timer is never repeated, whatever explains it, unless somebody asks for that', () => {
  const repeated = ['1 calls of at-most-once timers were repeated: a'];
  const calls = [call, repeat];
  assert.deepEqual(faults({ calls, disturbances: killed(1_005, 7), order: once }), repeated);
  assert.deepEqual(faults({ calls: [failed, repeat], order: once }), repeated);
  const retry: Change = { ...later, what: 'retry', dueAtMin: 0, answer: { kind: 'unknown' } };
  assert.deepEqual(faults({ calls: [failed, repeat], order: { ...once, changes: [retry] } }), []);
});

test('a call under another webhook-id, for another order, or for none is wrong', () => {
  assert.deepEqual(faults({ calls: [{ ...call, webhookId: 'b' }] }), [
    "1 calls had another webhook-id than their timer's: a",
  ]);
  const second = { ...order, number: 2, tries: [refused] };
  assert.deepEqual(faults({ calls: [{ ...call, order: 2 }], orders: [order, second] }), [
    '1 calls were for the order of another timer: a',
  ]);
  assert.deepEqual(faults({ calls: [call, { ...call, id: 'b', webhookId: 'b', order: 9 }] }), [
    '1 calls were for orders that there are not: b',
    '1 timers were called that the service does not list: b',
  ]);
});

test('a timer whose create was refused must not be there; one of which nobody knew may', () => {
  assert.deepEqual(faults({ order: { tries: [refused] } }), ['1 timers are there though their create was refused: a']);
  const run = judged({ order: { tries: [refused, unknown, refused] } });
  assert.deepEqual(run.faults, []);
  assert.equal(run.figures.unacknowledged, 1);
});

test('creates with one key make one timer, others at most one each', () => {
  const timers = [listed, { ...listed, id: 'b' }];
  const calls = [call, { ...call, id: 'b', webhookId: 'b' }];
  const run = { timers, calls, order: { tries: [unknown, accepted] } };
  assert.deepEqual(faults(run), ['1 orders made more timers than they may: 1 (a b)']);
  assert.deepEqual(faults({ ...run, order: { ...run.order, keyed: false } }), []);
});

test('a cancel that was answered is kept: the timer is cancelled, and never called', () => {
  const run = { order: { changes: [cancel] } };
  assert.deepEqual(faults({ ...run, calls: [], status: 'cancelled' }), []);
  assert.deepEqual(faults({ ...run, status: 'cancelled' }), ['1 timers were called though they were cancelled: a']);
  assert.deepEqual(faults(run), [
    '1 timers were called though they were cancelled: a',
    '1 timers are not cancelled though a client was told so: a',
  ]);
});

test('nothing is cancelled that nobody wanted so; where the answer to a cancel was lost, either end is right', () => {
  const unwanted = ['1 timers are cancelled though nobody wanted that: a'];
  assert.deepEqual(faults({ calls: [], status: 'cancelled' }), unwanted);
  const lost: Change = { ...cancel, answer: { kind: 'unknown' } };
  assert.deepEqual(faults({ calls: [], status: 'cancelled', order: { changes: [lost] } }), []);
  assert.deepEqual(faults({ order: { changes: [lost] } }), []);
});

test('only an at-most-once timer is uncertain, and only where its answer may have been lost', () => {
  const run = { status: 'uncertain', order: once } as const;
  assert.deepEqual(faults({ ...run, calls: [] }), []);
  assert.deepEqual(faults({ ...run, disturbances: killed(1_005, 7) }), []);
  assert.deepEqual(faults(run), [
    '1 timers have the wrong end: a (uncertain: its call succeeded, and nothing disturbed that)',
  ]);
  assert.deepEqual(faults({ status: 'uncertain', calls: [] }), [
    '1 timers have the wrong end: a (uncertain: it is at-least-once)',
  ]);
});

test('a timer fails only where its last call did, or its answer was lost', () => {
  assert.deepEqual(faults({ status: 'failed', calls: [failed] }), []);
  assert.deepEqual(faults({ status: 'failed' }), ['1 timers have the wrong end: a (failed: its last call succeeded)']);
});

test('the counts must add up, equal the audit, and be what is listed', () => {
  const counts = countsOf([listed]);
  assert.deepEqual(faults({ counts: { ...counts, auditEqual: null } }), ['the audit of the counts is not equal']);
  const wrong = { ...counts, accepted: 2, failed: 1 };
  assert.deepEqual(faults({ counts: wrong }), [
    '2 timers are counted as accepted, but 1 listed and 0 purged',
    '1 timers are counted as failed, but 0 listed',
  ]);
  const [identity] = faults({ counts: { ...counts, accepted: 2, purged: 0 } });
  assert.match(identity!, /^the identity does not hold/);
});

test('of many that are broken the same way a few are named', () => {
  const timers = Array.from({ length: 9 }, (_, at) => ({ ...listed, id: `t${at}` }));
  const tries = timers.map(({ id }): Try => ({ ...accepted, answer: { kind: 'ok', id, dueAt: 1_000 } }));
  assert.deepEqual(faults({ timers, calls: [], order: { keyed: false, tries } }), [
    '9 accepted timers were lost: t0 (done without a call), t1 (done without a call), t2 (done without a call), t3 (done without a call), t4 (done without a call), …',
  ]);
});
