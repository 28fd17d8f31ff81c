import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { destinationOf } from '../../src/timer/destination.ts';
import type { OutcomeKind } from '../../src/timer/outcome.ts';
import type { Delivery } from '../../src/timer/timer.ts';
import { Lanes, type LanesOptions } from '../../src/webhook/lanes.ts';
import type { Call, Dispatched, Sender, Sent } from '../../src/webhook/sender.ts';
import { FakeClock, settlePromises } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { aSpec, aTimer } from '../support/timers.ts';

interface OnWire {
  readonly call: Call;
  finish(outcome?: OutcomeKind, retryAfterMs?: number): void;
  /** Nothing was sent after all. */
  withhold(): void;
}

/** A network in the test's hands: what is sent stays on the wire until the test, or `answerAfterMs`, ends it. */
class FakeNetwork implements Sender {
  readonly clock: FakeClock;
  /** Every call that was sent, in order. */
  readonly sent: Call[] = [];
  readonly onWire = new Set<OnWire>();
  /** How long a call to this destination takes until it comes back, and as what; undefined for never. */
  answer: (call: Call) => { readonly afterMs: number; readonly outcome?: OutcomeKind } | undefined = () => undefined;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  send(call: Call): Promise<Sent> {
    this.sent.push(call);
    return new Promise((resolve) => {
      const onWire: OnWire = {
        call,
        withhold: () => {
          if (!this.onWire.delete(onWire)) return;
          this.sent.splice(this.sent.indexOf(call), 1);
          resolve({ ...sentAs(call, 'unreachable', this.clock.monotonic()), withheld: true });
        },
        finish: (outcome = 'delivered', retryAfterMs) => {
          if (!this.onWire.delete(onWire)) return;
          resolve(sentAs(call, outcome, this.clock.monotonic(), retryAfterMs));
        },
      };
      this.onWire.add(onWire);
      const answer = this.answer(call);
      if (answer?.afterMs === 0) queueMicrotask(() => onWire.finish(answer.outcome));
      else if (answer) this.clock.after(answer.afterMs, () => onWire.finish(answer.outcome));
    });
  }

  /** Ends the oldest `count` calls to a destination. */
  finish(count: number, outcome?: OutcomeKind, destination?: string): void {
    const matching = [...this.onWire].filter(({ call }) => !destination || call.destination === destination);
    for (const each of matching.slice(0, count)) each.finish(outcome);
  }

  to(destination: string): Call[] {
    return this.sent.filter((call) => call.destination === destination);
  }

  cutOff(): void {
    for (const { finish } of this.onWire) finish('unknown');
  }

  async close(): Promise<void> {}
}

function sentAs(call: Call, outcome: OutcomeKind, startedAt: number, retryAfterMs?: number): Sent {
  const attempt = {
    number: call.number,
    outcome,
    startedAt,
    durationMs: 1,
    status: null,
    error: null,
    response: null,
  };
  return { attempt, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

const healthy = 'http://healthy.test';

/** What the lanes hold one by one, added up. */
function totalsOf(lanes: Lanes) {
  const views = lanes.view();
  const sum = (of: 'inFlight' | 'queued') => views.reduce((total, view) => total + view[of], 0);
  return { inFlight: sum('inFlight'), queued: sum('queued') };
}

function setUp(options: Partial<LanesOptions> = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const lanes = new Lanes({ sender: network, clock, random: seededRandom(7), ...options });
  /** Hands in a call; the answers so far are in `answers`, in the order of calls. */
  const answers: (Dispatched | undefined)[] = [];
  let number = 0;
  const call = (destination = healthy, delivery: Delivery = 'at-least-once'): Call => {
    const timer = aTimer(clock.monotonic(), { spec: aSpec({ url: `${destination}/`, delivery }) });
    return { timer, destination: destinationOf(timer.spec.url), number: ++number, mayLeave: () => true };
  };
  const dispatch = (
    destination?: string,
    permit: () => boolean | Promise<boolean> = () => true,
    delivery?: Delivery,
  ) => {
    const index = answers.push(undefined) - 1;
    const answered = lanes.dispatch(call(destination, delivery), permit);
    answered.then((dispatched) => {
      assert.equal(answers[index], undefined);
      answers[index] = dispatched;
      if (dispatched.kind === 'postponed') {
        assert.ok(Number.isInteger(dispatched.untilAt) && dispatched.untilAt >= clock.monotonic());
      }
    });
    return answered;
  };
  const kinds = () =>
    answers.map((answer) => (answer?.kind === 'postponed' ? answer.because : (answer?.kind ?? 'open')));
  return { clock, network, lanes, dispatch, answers, kinds, start: clock.monotonic() };
}

/** When those that were sent back are to come again. */
function turnsOf(answers: readonly (Dispatched | undefined)[]): number[] {
  return answers.flatMap((answer) => (answer?.kind === 'postponed' ? [answer.untilAt] : []));
}

function count(kinds: readonly string[], kind: string): number {
  return kinds.filter((each) => each === kind).length;
}

/** Lets a destination's breaker open, at the clock's present. */
async function openBreaker({ network, dispatch }: ReturnType<typeof setUp>): Promise<void> {
  for (let call = 0; call < 5; call++) void dispatch();
  network.finish(5, 'unreachable');
  await settlePromises();
}

/** So many timers a controller holds at once. */
const claimMax = 4_096;

/** The claim loop and the store: what is due is dispatched, what comes back waits in the store until its turn. */
class SimulatedStore {
  readonly dispatchedPerSecond: number[] = Array(60).fill(0);
  readonly #clock: FakeClock;
  readonly #dispatch: () => Promise<Dispatched>;
  readonly #waiting = new Map<number, number>();
  readonly #start: number;
  /** Everything before is claimed. */
  #claimableFrom: number;
  #turns: number[] = [];

  constructor(clock: FakeClock, dispatch: () => Promise<Dispatched>) {
    this.#clock = clock;
    this.#dispatch = dispatch;
    this.#start = clock.monotonic();
    this.#claimableFrom = clock.monotonic();
  }

  /** How often a call was given an earlier turn than the one that was sent back before it. */
  get outOfOrder(): number {
    return this.#turns.filter((turn, index) => index > 0 && turn < this.#turns[index - 1]!).length;
  }

  add(at: number, timers = 1): void {
    const claimableAt = Math.max(at, this.#claimableFrom);
    this.#waiting.set(claimableAt, (this.#waiting.get(claimableAt) ?? 0) + timers);
  }

  /** Lets time pass, claiming every `pollMs`; `onPoll` before each. */
  async run(ms: number, pollMs: number, onPoll = () => {}): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += pollMs) {
      onPoll();
      for (let claims = this.#claim(claimMax); claims > 0; claims--) void this.#fire();
      await this.#clock.advance(pollMs);
    }
  }

  #claim(max: number): number {
    const now = this.#clock.monotonic();
    let claims = 0;
    for (; this.#claimableFrom <= now; this.#claimableFrom++) {
      const due = this.#waiting.get(this.#claimableFrom) ?? 0;
      const claimed = Math.min(due, max - claims);
      claims += claimed;
      this.#waiting.delete(this.#claimableFrom);
      if (claimed < due) {
        this.#waiting.set(this.#claimableFrom, due - claimed);
        break;
      }
    }
    return claims;
  }

  async #fire(): Promise<void> {
    const second = Math.floor((this.#clock.monotonic() - this.#start) / 1_000);
    this.dispatchedPerSecond[second]!++;
    const dispatched = await this.#dispatch();
    if (dispatched.kind === 'postponed') {
      this.#turns.push(dispatched.untilAt);
      this.add(dispatched.untilAt);
    } else if (dispatched.kind === 'dropped') this.add(this.#clock.monotonic() + 200);
    else if (dispatched.attempt.outcome !== 'delivered') this.add(this.#clock.monotonic() + 10_000);
  }
}

describe('a backlog to dead receivers', () => {
  /** 100,000 timers that are due at once to so many receivers that refuse, beside a healthy one that gets a call every 20 ms. */
  async function run(receivers: number, answer: { afterMs: number; outcome: OutcomeKind; retryAfterMs?: number }) {
    const { clock, network } = setUp();
    const lanes = new Lanes({ sender: network, clock, random: seededRandom(3) });
    network.answer = ({ destination }) => (destination === healthy ? { afterMs: 1 } : answer);
    const timer = aTimer(clock.monotonic());
    const callTo = (destination: string) =>
      lanes.dispatch(
        { timer, destination: destinationOf(`${destination}/`), number: 1, mayLeave: () => true },
        () => true,
      );
    let turn = 0;
    const store = new SimulatedStore(clock, () => callTo(`http://dead${turn++ % receivers}.test`));
    store.add(clock.monotonic(), 100_000);
    const waits: number[] = [];
    await store.run(60_000, 20, async () => {
      const dueAt = clock.monotonic();
      const sent = await callTo(healthy);
      waits.push(sent.kind === 'sent' ? sent.attempt.startedAt! - 1 - dueAt : Number.POSITIVE_INFINITY);
    });
    return { store, network, waits };
  }

  test('comes back call by call in its order, at most about 1,000 a second, while a healthy lane goes on', async () => {
    const { store, network, waits } = await run(1, { afterMs: 0, outcome: 'unreachable' });
    assert.ok(Math.max(...store.dispatchedPerSecond.slice(1)) <= 1_100, String(store.dispatchedPerSecond));
    assert.ok(Math.min(...store.dispatchedPerSecond.slice(6)) >= 900, String(store.dispatchedPerSecond));
    const tried = network.sent.length - network.to(healthy).length;
    // Each probe comes ahead of the line.
    assert.ok(store.outOfOrder <= tried, `${store.outOfOrder} out of order`);
    assert.equal(waits.length, 3_000);
    assert.equal(Math.max(...waits), 0);
  });

  test('costs no more when it is spread over twenty receivers', async () => {
    const { store, waits } = await run(20, { afterMs: 0, outcome: 'unreachable' });
    const perSecond = store.dispatchedPerSecond.slice(20);
    assert.ok(Math.max(...perSecond) <= 1_300, String(store.dispatchedPerSecond));
    assert.equal(Math.max(...waits), 0);
  });

  test('costs no more when the receiver hangs', async () => {
    const { store, waits } = await run(1, { afterMs: 15_000, outcome: 'unknown' });
    assert.ok(Math.max(...store.dispatchedPerSecond.slice(3)) <= 1_100, String(store.dispatchedPerSecond));
    assert.equal(Math.max(...waits), 0);
  });

  test('has its probe in time however far the turns reach', async () => {
    const { network } = await run(1, { afterMs: 0, outcome: 'unreachable' });
    // 1, 2, 4, 8, 16 and 30 s at most.
    const probes = network.sent.length - network.to(healthy).length;
    assert.ok(probes >= 10, `${probes} tried`);
  });
});

describe('slots', () => {
  test('one destination has at most 64 calls on the wire', () => {
    const { network, lanes, dispatch } = setUp();
    for (let call = 0; call < 100; call++) void dispatch();
    assert.equal(network.sent.length, 64);
    assert.deepEqual(totalsOf(lanes), { inFlight: 64, queued: 36 });
  });

  test('all destinations together never have more than 512', () => {
    const { network, lanes, dispatch } = setUp();
    for (let call = 0; call < 3_000; call++) void dispatch(`http://d${call % 700}.test`);
    assert.equal(network.sent.length, 512);
    assert.equal(totalsOf(lanes).inFlight, 512);
  });

  test('calls of a destination are sent in the order in which they were dispatched', async () => {
    const { clock, network, dispatch } = setUp();
    network.answer = ({ number }) => ({ afterMs: 1 + (number % 3) });
    for (let call = 0; call < 500; call++) void dispatch();
    await clock.advance(100);
    assert.deepEqual(
      network.sent.map((call) => call.number),
      Array.from({ length: 500 }, (_, index) => index + 1),
    );
  });

  test('twenty hung destinations leave room for a healthy one, whose calls all start at once', async () => {
    const { clock, network, dispatch } = setUp();
    network.answer = ({ destination }) => (destination === healthy ? { afterMs: 5 } : undefined);
    for (let call = 0; call < 20_000; call++) void dispatch(`http://hung${call % 20}.test`);
    const waits = [];
    for (let call = 0; call < 200; call++) {
      const dispatchedAt = clock.monotonic();
      const answered = dispatch();
      await clock.advance(5);
      const sent = await answered;
      assert.equal(sent.kind, 'sent');
      waits.push(sent.kind === 'sent' ? sent.attempt.startedAt! - 5 - dispatchedAt : Number.NaN);
    }
    assert.equal(Math.max(...waits), 0);
  });

  test('a healthy destination beside twenty hung ones still has several calls on the wire at once', () => {
    const { network, dispatch } = setUp();
    for (let call = 0; call < 20_000; call++) void dispatch(`http://hung${call % 20}.test`);
    for (let call = 0; call < 30; call++) void dispatch();
    assert.ok(network.to(healthy).length >= 15, `${network.to(healthy).length} on the wire`);
  });

  test('freed slots are offered to the waiting destinations in turn', async () => {
    const { network, dispatch } = setUp({ totalMax: 1 });
    for (const name of ['a', 'a', 'a', 'a', 'b', 'b', 'c']) void dispatch(`http://${name}.test`);
    for (let call = 0; call < 7; call++) {
      network.finish(1);
      await settlePromises();
    }
    assert.equal(network.sent.map((call) => call.destination.slice(7, 8)).join(''), 'aabcaba');
  });
});

describe('permit', () => {
  test('is asked only when the call has its slot, and immediately before it is sent', async () => {
    const { network, dispatch } = setUp({ perDestinationMax: 1 });
    const asked: number[] = [];
    const permit = () => asked.push(network.sent.length) > 0;
    void dispatch(healthy, permit);
    void dispatch(healthy, permit);
    assert.deepEqual(asked, [0]);
    network.finish(1);
    await settlePromises();
    assert.deepEqual(asked, [0, 1]);
    assert.equal(network.sent.length, 2);
  });

  for (const [what, permit] of [
    ['false', () => false],
    ['a promise of false', async () => false],
    ['an exception', () => assert.fail('refused')],
    ['a rejection', async () => assert.fail('refused')],
  ] as const) {
    test(`with ${what} drops the call, which is not sent, and frees its slot`, async () => {
      const { network, lanes, dispatch } = setUp({ perDestinationMax: 1 });
      assert.deepEqual(await dispatch(healthy, permit), { kind: 'dropped' });
      assert.equal(network.sent.length, 0);
      assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
      void dispatch();
      assert.equal(network.sent.length, 1);
    });
  }

  test('holds the slot while it is pending', async () => {
    const { network, lanes, dispatch } = setUp({ perDestinationMax: 1 });
    let grant = (_: boolean) => {};
    const granted = new Promise<boolean>((resolve) => (grant = resolve));
    void dispatch(healthy, () => granted);
    void dispatch();
    await settlePromises();
    assert.equal(network.sent.length, 0);
    assert.deepEqual(totalsOf(lanes), { inFlight: 1, queued: 1 });
    grant(true);
    await settlePromises();
    assert.equal(network.sent.length, 1);
  });

  test('that is refused for thousands of queued calls at once does not exhaust the stack', async () => {
    const { network, dispatch, kinds } = setUp({ perDestinationMax: 1 });
    void dispatch();
    for (let call = 0; call < 4_000; call++) void dispatch(healthy, () => false);
    network.finish(1);
    await settlePromises();
    assert.equal(count(kinds(), 'dropped'), 4_000);
  });
});

describe('a call that is marked before it is sent', () => {
  /** A permit that is there after so long. */
  function markIn(clock: FakeClock, ms: number): () => Promise<boolean> {
    return () => new Promise<boolean>((resolve) => clock.after(ms, () => resolve(true)));
  }

  /** Lanes with a backlog of such calls for one destination. */
  function backlog({ answerMs = 10, markMs = 5, calls = 1_000, totalMax = 512 }) {
    const world = setUp({ totalMax });
    world.network.answer = () => ({ afterMs: answerMs });
    for (let call = 0; call < calls; call++) {
      void world.dispatch(healthy, markIn(world.clock, markMs), 'at-most-once');
    }
    /** The most calls on the wire, and the most that were being marked or were marked and waited, as time goes on. */
    const mostWithin = async (ms: number) => {
      const most = { onWire: 0, ahead: Number.NEGATIVE_INFINITY };
      for (let passed = 0; passed < ms; passed++) {
        await world.clock.advance(1);
        most.onWire = Math.max(most.onWire, world.network.onWire.size);
        most.ahead = Math.max(most.ahead, totalsOf(world.lanes).inFlight - 64);
      }
      return most;
    };
    return { ...world, mostWithin };
  }

  test('is marked while others are on the wire, so early that there is a place when its mark is stored', async () => {
    const { network, kinds, mostWithin } = backlog({});
    const most = await mostWithin(140);
    // 64 calls in 10 ms are 32 in the 5 ms of a mark.
    assert.equal(most.onWire, 64);
    assert.ok(most.ahead > 16 && most.ahead <= 32, `${most.ahead} ahead`);
    // Without marks ahead, 64 calls would take 15 ms.
    assert.ok(count(kinds(), 'sent') > 700, `${count(kinds(), 'sent')} sent`);
    assert.deepEqual(
      network.sent.map(({ number }) => number),
      network.sent.map((_, index) => index + 1),
    );
  });

  test('is not marked ahead for a slow receiver, nor for one of which nothing is known', async () => {
    const { mostWithin } = backlog({ answerMs: 900 });
    assert.deepEqual(await mostWithin(3_000), { onWire: 64, ahead: 0 });
  });

  test('does not go ahead of the wire where marks take no time, nor where others have slots that it could have', async () => {
    assert.deepEqual(await backlog({ markMs: 0 }).mostWithin(100), { onWire: 64, ahead: 0 });
    const { ahead } = await backlog({ totalMax: 128 }).mostWithin(100);
    // A quarter of all slots is the most that a lane may have of them.
    assert.ok(ahead <= 128 / 4 - 64, `${ahead} ahead`);
  });

  test('has no others go ahead', async () => {
    const { network, dispatch, mostWithin } = backlog({ calls: 500 });
    for (let call = 0; call < 500; call++) void dispatch();
    assert.equal((await mostWithin(200)).onWire, 64);
    assert.equal(network.sent.length, 1_000);
  });

  test('does not go far ahead for a store that was slow once', async () => {
    const { clock, dispatch, mostWithin } = backlog({ answerMs: 900, markMs: 3_500, calls: 64 });
    await clock.advance(5_000);
    for (let call = 0; call < 1_000; call++) void dispatch(healthy, markIn(clock, 5), 'at-most-once');
    // 64 calls in 900 ms are 7 in 100.
    const { onWire, ahead } = await mostWithin(3_000);
    assert.equal(onWire, 64);
    assert.ok(ahead <= 7, `${ahead} ahead`);
  });

  test('that has its slot is sent however many slots others have taken meanwhile', async () => {
    const { clock, network, dispatch } = setUp();
    network.answer = ({ destination }) => ({ afterMs: destination === healthy ? 200 : 20 });
    for (let call = 0; call < 64; call++) void dispatch(healthy, markIn(clock, 5), 'at-most-once');
    for (let call = 0; call < 1_500; call++) void dispatch(`http://d${call % 300}.test`);
    await clock.advance(5);
    assert.equal(network.to(healthy).length, 64);
  });

  /** A backlog with marked calls that wait for a place, which will not come: nobody answers any more. */
  async function waitingMarked(calls = 1_000) {
    const world = backlog({ calls });
    await world.mostWithin(100);
    world.network.answer = () => undefined;
    await world.clock.advance(20);
    const marked = totalsOf(world.lanes).inFlight - world.network.onWire.size;
    assert.equal(world.network.onWire.size, 64);
    assert.ok(marked > 16, `${marked} marked`);
    return { ...world, marked };
  }

  test('is given back with what is queued when the receiver hangs', async () => {
    const { clock, lanes, kinds } = await waitingMarked();
    await clock.advance(3_000);
    assert.deepEqual(totalsOf(lanes), { inFlight: 64, queued: 0 });
    assert.equal(count(kinds(), 'open'), 64);
    assert.ok(count(kinds(), 'slowed_down') > 16);
  });

  test('is given back when the receiver hangs and nothing is queued', async () => {
    const { clock, lanes, kinds } = await waitingMarked(680);
    assert.equal(lanes.queued, 0);
    await clock.advance(3_000);
    assert.deepEqual(totalsOf(lanes), { inFlight: 64, queued: 0 });
    assert.equal(count(kinds(), 'open'), 64);
  });

  test('leaves its slot to others when it is given back', async () => {
    const { clock, network, lanes, dispatch } = setUp({ totalMax: 9 });
    void dispatch(healthy);
    void dispatch(healthy, markIn(clock, 100), 'at-most-once');
    for (let call = 0; call < 9; call++) void dispatch(`http://d${call}.test`);
    [...network.onWire][0]!.finish('rejected', 1_000);
    await settlePromises();
    assert.deepEqual([network.onWire.size, lanes.queued], [8, 1]);
    await clock.advance(100);
    assert.deepEqual([network.onWire.size, lanes.queued], [9, 0]);
  });

  test('has the place of one that was withheld', async () => {
    const { clock, network, lanes, kinds } = await waitingMarked(680);
    const ready = totalsOf(lanes).inFlight - 64;
    network.answer = () => ({ afterMs: 10 });
    for (const onWire of network.onWire) onWire.withhold();
    await clock.advance(20);
    assert.equal(count(kinds(), 'dropped'), 64);
    assert.equal(count(kinds(), 'sent'), 680 - 64);
    assert.ok(ready > 16);
  });

  test('goes ahead by as many as there are places at most, and not at all where a rate is limited', async () => {
    const { ahead } = await backlog({ answerMs: 2, markMs: 99, calls: 8_000 }).mostWithin(1_000);
    assert.ok(ahead > 48 && ahead <= 64, `${ahead} ahead`);
    const limited = setUp({ ratePerSecond: 5_000, perDestinationMax: 1 });
    limited.network.answer = () => ({ afterMs: 1 });
    for (let call = 0; call < 100; call++) {
      void limited.dispatch(healthy, markIn(limited.clock, 5), 'at-most-once');
    }
    for (let passed = 0; passed < 100; passed++) {
      await limited.clock.advance(1);
      assert.ok(totalsOf(limited.lanes).inFlight <= 1);
    }
    assert.ok(limited.network.sent.length > 10);
  });

  test('is given back at the end where nothing is queued', async () => {
    const { lanes } = await waitingMarked(680);
    lanes.stop();
    assert.deepEqual(totalsOf(lanes), { inFlight: 64, queued: 0 });
  });

  test('is not sent when its mark is stored after everything was cut off', async () => {
    const { clock, network, lanes, dispatch, kinds } = setUp();
    void dispatch(healthy, markIn(clock, 100), 'at-most-once');
    lanes.cutOff();
    await clock.advance(100);
    assert.deepEqual(kinds(), ['stopping']);
    assert.equal(network.sent.length, 0);
    assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
  });

  test('is not sent when its mark is stored while the breaker’s probe is out', async () => {
    const { clock, network, dispatch, kinds } = setUp();
    for (let call = 0; call < 10; call++) void dispatch(healthy, markIn(clock, 3_000), 'at-most-once');
    for (let call = 0; call < 5; call++) void dispatch();
    network.finish(5, 'unreachable');
    await clock.advance(2_000);
    void dispatch();
    assert.equal(network.onWire.size, 1);
    await clock.advance(1_000);
    assert.equal(network.onWire.size, 1);
    assert.equal(count(kinds(), 'breaker_open'), 10);
  });

  test('is given back when the breaker opens', async () => {
    const { clock, network, lanes, kinds } = await waitingMarked();
    network.finish(5, 'unreachable');
    await clock.advance(5);
    // Each of the first four has left its place to a marked one. What was just being marked is not sent any more.
    assert.equal(network.onWire.size, 63);
    assert.deepEqual(totalsOf(lanes), { inFlight: 63, queued: 0 });
    assert.equal(count(kinds(), 'breaker_open') + network.sent.length, 1_000);
  });

  test('is given back at the end, also when its mark is stored only then', async () => {
    const { clock, network, lanes, kinds } = await waitingMarked();
    network.finish(20);
    await settlePromises();
    lanes.stop();
    assert.ok(totalsOf(lanes).inFlight > network.onWire.size);
    await clock.advance(10);
    assert.deepEqual(totalsOf(lanes), { inFlight: 64, queued: 0 });
    assert.equal(count(kinds(), 'stopping') + network.sent.length, 1_000);
    network.finish(64);
    await settlePromises();
    assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
  });
});

describe('a full lane', () => {
  test('never queues more than the limit in all, and leaves room for others', () => {
    const { lanes, dispatch } = setUp({ queuedMax: 1_000 });
    for (let call = 0; call < 5_000; call++) void dispatch();
    assert.ok(lanes.queued <= 520, `${lanes.queued} queued`);
    for (let call = 0; call < 100_000; call++) void dispatch(`http://d${call % 100}.test`);
    assert.equal(lanes.queued, 1_000);
  });

  test('keeps a fast receiver’s backlog in order: nothing is postponed that is sent within a second', async () => {
    const { clock, network, dispatch, kinds } = setUp({ queuedMax: 200 });
    network.answer = () => ({ afterMs: 10 });
    // 6,400 a second is what 64 slots make of 10 ms: the queue may grow beyond its share.
    for (let step = 0; step < 100; step++) {
      for (let call = 0; call < 50; call++) void dispatch();
      await clock.advance(10);
    }
    assert.equal(count(kinds(), 'lane_full'), 0);
    for (let call = 0; call < 64 + 190; call++) void dispatch();
    assert.equal(count(kinds(), 'lane_full'), 0);
  });

  test('sends what it has no room for back to later turns: in order, spread at the receiver’s pace, 0.25 s away and more', async () => {
    const { clock, network, dispatch, answers } = setUp({ queuedMax: 300 });
    network.answer = () => ({ afterMs: 100 });
    // 640 a second.
    for (let step = 0; step < 60; step++) {
      for (let call = 0; call < 64; call++) void dispatch();
      await clock.advance(100);
    }
    const before = answers.length;
    for (let call = 0; call < 5_000; call++) void dispatch();
    await settlePromises();
    const turns = turnsOf(answers.slice(before));
    assert.ok(turns.length > 4_000);
    assert.deepEqual(
      turns,
      turns.toSorted((a, b) => a - b),
    );
    assert.ok(turns.every((turn) => Number.isInteger(turn)));
    assert.ok(turns[0]! >= clock.monotonic() + 250 && turns.at(-1)! <= clock.monotonic() + 8_000);
    const withinSecond = turns.filter(
      (turn) => turn >= clock.monotonic() + 1_000 && turn < clock.monotonic() + 2_000,
    ).length;
    assert.ok(withinSecond > 500 && withinSecond < 900, `${withinSecond} in one second`);
  });

  test('does not take the pace of the first calls for the receiver’s', async () => {
    const { clock, network, dispatch, answers } = setUp({ queuedMax: 300 });
    network.answer = () => ({ afterMs: 1_500 });
    for (let call = 0; call < 64; call++) void dispatch();
    await clock.advance(1_500);
    const before = answers.length;
    for (let call = 0; call < 2_000; call++) void dispatch();
    await settlePromises();
    const turns = turnsOf(answers.slice(before));
    assert.ok(turns.length > 1_000);
    // One a millisecond; at the pace measured it would be one in 10, the longest that any waits.
    assert.ok(turns.at(-1)! <= clock.monotonic() + 3_000, `${turns.at(-1)! - clock.monotonic()} ms away`);
  });

  test('has a call wait a quarter of a second at least, however fast the receiver is', async () => {
    const { clock, network, dispatch } = setUp({ queuedMax: 1 });
    network.answer = () => ({ afterMs: 1 });
    for (let step = 0; step < 100; step++) {
      for (let call = 0; call < 64; call++) void dispatch();
      await clock.advance(1);
    }
    for (let call = 0; call < 65; call++) void dispatch();
    const answer = await dispatch();
    assert.deepEqual(answer, { kind: 'postponed', untilAt: clock.monotonic() + 250, because: 'lane_full' });
  });

  test('takes a burst for a receiver of which only single calls are known: what one place does, all can do', async () => {
    const { clock, network, dispatch, kinds } = setUp({ queuedMax: 1_000 });
    network.answer = () => ({ afterMs: 10 });
    for (let call = 0; call < 300; call++) {
      void dispatch();
      await clock.advance(10);
    }
    for (let call = 0; call < 64 + 800; call++) void dispatch();
    await settlePromises();
    assert.equal(count(kinds(), 'lane_full'), 0);
  });

  test('has the first of what it gives back come again within a second, however slow the receiver seemed', async () => {
    const { clock, network, dispatch } = setUp();
    // 71 a second, of which hundreds are queued: by that rate the queue takes four seconds and more.
    network.answer = () => ({ afterMs: 900 });
    const answers: Awaited<ReturnType<typeof dispatch>>[] = [];
    for (let call = 0; call < 1_000; call++) void dispatch().then((answer) => answers.push(answer));
    while (!answers.some(({ kind }) => kind === 'postponed')) await clock.advance(50);
    const turns = turnsOf(answers);
    assert.ok(turns.length > 200);
    assert.ok(Math.min(...turns) <= clock.monotonic() + 1_000, `in ${Math.min(...turns) - clock.monotonic()} ms`);
  });

  test('gives back what a slow receiver would keep waiting for seconds', async () => {
    const { clock, network, lanes, dispatch, kinds } = setUp();
    network.answer = () => ({ afterMs: 400 });
    for (let call = 0; call < 2_000; call++) void dispatch();
    assert.equal(count(kinds(), 'lane_full'), 0);
    await clock.advance(1_000);
    // 160 a second; what is sent within two stays.
    const { queued } = totalsOf(lanes);
    assert.ok(queued >= 150 && queued <= 350, `${queued} queued`);
    assert.equal(count(kinds(), 'sent') + count(kinds(), 'lane_full') + count(kinds(), 'open'), 2_000);
    assert.ok(count(kinds(), 'lane_full') > 1_300);
  });

  test('keeps a next call for each slot of a receiver of which no rate is known yet', async () => {
    const { clock, network, dispatch } = setUp();
    network.answer = () => ({ afterMs: 1_500 });
    for (let call = 0; call < 2_000; call++) void dispatch();
    await clock.advance(1_600);
    assert.equal(network.sent.length, 128);
  });
});

describe('the breaker', () => {
  test('opens after five calls without an answer and postpones what is queued and what comes, to the probe', async () => {
    const world = setUp({ perDestinationMax: 5 });
    const { clock, network, lanes, dispatch, answers, kinds } = world;
    for (let call = 0; call < 20; call++) void dispatch();
    network.finish(5, 'unreachable');
    await settlePromises();
    // Five more were sent as the first five came back one by one.
    void dispatch();
    await settlePromises();
    const [view] = lanes.view();
    assert.equal(view?.breaker, 'open');
    assert.equal(count(kinds(), 'breaker_open'), 12);
    const turns = turnsOf(answers);
    const probeAt = turns[0]!;
    assert.ok(probeAt >= clock.monotonic() + 500 && probeAt <= clock.monotonic() + 1_000);
    assert.deepEqual(
      turns,
      turns.map((_, index) => probeAt + index),
    );
    assert.equal(network.sent.length, 9);
    await clock.advance(probeAt - clock.monotonic() - 1);
    assert.equal((await dispatch()).kind, 'postponed');
    await clock.advance(1);
    void dispatch();
    assert.equal(network.sent.length, 10);
  });

  test('lets exactly one call through when its pause is over, and closes on its answer', async () => {
    const world = setUp();
    const { clock, network, lanes, dispatch } = world;
    await openBreaker(world);
    await clock.advance(1_000);
    for (let call = 0; call < 10; call++) void dispatch();
    assert.equal(network.sent.length, 6);
    assert.equal(lanes.view()[0]?.breaker, 'half-open');
    network.finish(1, 'rejected');
    await settlePromises();
    assert.equal(lanes.view()[0]?.breaker, 'closed');
    for (let call = 0; call < 10; call++) void dispatch();
    assert.equal(network.sent.length, 16);
  });

  test('stays open when the probe fails, for longer', async () => {
    const world = setUp();
    const { clock, network, lanes, dispatch } = world;
    await openBreaker(world);
    await clock.advance(1_000);
    void dispatch();
    network.finish(1, 'unknown');
    await settlePromises();
    const [view] = lanes.view();
    assert.equal(view?.breaker, 'open');
    const next = await dispatch();
    assert.ok(next.kind === 'postponed' && next.untilAt >= clock.monotonic() + 1_000);
    await clock.advance(next.untilAt - clock.monotonic());
    void dispatch();
    assert.equal(network.sent.length, 7);
  });

  test('takes the next call for the probe when the probe’s permit is refused', async () => {
    const world = setUp();
    const { clock, network, dispatch } = world;
    await openBreaker(world);
    await clock.advance(1_000);
    await dispatch(healthy, () => false);
    void dispatch();
    assert.equal(network.sent.length, 6);
  });

  test('has calls come back later the longer a probe is under way', async () => {
    const world = setUp();
    const { clock, dispatch } = world;
    await openBreaker(world);
    await clock.advance(1_000);
    void dispatch();
    const soon = await dispatch();
    assert.ok(soon.kind === 'postponed' && soon.untilAt <= clock.monotonic() + 501);
    await clock.advance(3_000);
    const later = await dispatch();
    assert.ok(later.kind === 'postponed' && later.untilAt >= clock.monotonic() + 3_000);
  });

  test('does not count calls that the guard blocked', async () => {
    const { network, lanes, dispatch } = setUp();
    for (let call = 0; call < 10; call++) void dispatch();
    network.finish(10, 'blocked');
    await settlePromises();
    assert.equal(lanes.view()[0]?.breaker, 'closed');
  });
});

test('a call that gets no slot, since calls to others hold them all, is sent back well before its lease is over', async () => {
  const { clock, network, dispatch, kinds } = setUp({ totalMax: 1 });
  network.answer = ({ destination }) => (destination === healthy ? { afterMs: 5 } : undefined);
  void dispatch();
  await clock.advance(5);
  void dispatch('http://hung.test');
  void dispatch();
  await clock.advance(4_000);
  assert.deepEqual(kinds(), ['sent', 'open', 'lane_full']);
});

describe('a hung receiver', () => {
  test('gets no more calls once all it may have are out for 2 s without one coming back', async () => {
    const { clock, network, dispatch, kinds } = setUp();
    for (let call = 0; call < 64; call++) void dispatch();
    await clock.advance(1_900);
    void dispatch();
    await settlePromises();
    assert.equal(kinds().at(-1), 'open');
    await clock.advance(200);
    void dispatch();
    await settlePromises();
    assert.equal(kinds().at(-1), 'slowed_down');
    assert.equal(network.sent.length, 64);
  });

  test('has its queue sent back, without a call coming in or out', async () => {
    const { clock, lanes, dispatch, kinds } = setUp();
    for (let call = 0; call < 500; call++) void dispatch();
    await clock.advance(4_000);
    assert.equal(lanes.queued, 0);
    assert.equal(count(kinds(), 'open'), 64);
  });

  test('gets calls again when one comes back', async () => {
    const { clock, network, dispatch, kinds } = setUp();
    for (let call = 0; call < 64; call++) void dispatch();
    await clock.advance(5_000);
    network.finish(1);
    await settlePromises();
    void dispatch();
    void dispatch();
    await settlePromises();
    assert.equal(network.sent.length, 65);
    assert.equal(kinds().at(-1), 'open');
  });

  test('is none while it may have more calls than it has', async () => {
    const { clock, network, dispatch } = setUp();
    void dispatch();
    await clock.advance(10_000);
    void dispatch();
    assert.equal(network.sent.length, 2);
  });
});

describe('Retry-After', () => {
  test('keeps calls from the destination until then', async () => {
    const { clock, network, dispatch, answers, kinds } = setUp({ perDestinationMax: 1 });
    for (let call = 0; call < 4; call++) void dispatch();
    [...network.onWire][0]?.finish('rejected', 10_000);
    await settlePromises();
    void dispatch();
    await settlePromises();
    assert.deepEqual(kinds(), ['sent', ...Array(4).fill('slowed_down')]);
    for (const answer of answers.slice(1)) {
      const untilAt = answer?.kind === 'postponed' ? answer.untilAt : 0;
      assert.ok(untilAt >= clock.monotonic() + 10_000 && untilAt <= clock.monotonic() + 10_251);
    }
    await clock.advance(10_000);
    void dispatch();
    assert.equal(network.sent.length, 2);
  });

  test('closes the lane for a minute at most', async () => {
    const { clock, network, dispatch } = setUp();
    void dispatch();
    [...network.onWire][0]?.finish('rejected', 86_400_000);
    await settlePromises();
    await clock.advance(60_000);
    void dispatch();
    assert.equal(network.sent.length, 2);
  });
});

describe('a rate', () => {
  test('bounds the calls a second to each destination by itself', async () => {
    const { clock, network, dispatch } = setUp({ ratePerSecond: 50 });
    network.answer = () => ({ afterMs: 1 });
    for (let call = 0; call < 60; call++) {
      void dispatch('http://a.test');
      void dispatch('http://b.test');
    }
    const sentBy = [];
    for (let step = 0; step < 10; step++) {
      sentBy.push(network.to('http://a.test').length);
      await clock.advance(100);
    }
    assert.deepEqual(sentBy, [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
    assert.equal(network.to('http://b.test').length, network.to('http://a.test').length);
  });

  test('cannot be saved up for a burst', async () => {
    const { clock, network, dispatch } = setUp({ ratePerSecond: 50 });
    network.answer = () => ({ afterMs: 1 });
    void dispatch();
    await clock.advance(10_000);
    for (let call = 0; call < 40; call++) void dispatch();
    assert.equal(network.sent.length, 1 + 5);
  });

  test('holds back what would wait more than about a second for its token, and has it come in time for its own', async () => {
    const { clock, network, lanes, dispatch, answers, kinds } = setUp({ ratePerSecond: 5 });
    for (let call = 0; call < 100; call++) void dispatch();
    await settlePromises();
    assert.ok(lanes.queued <= 6, `${lanes.queued} queued`);
    const turns = turnsOf(answers);
    assert.equal(turns.length, count(kinds(), 'lane_full'));
    assert.ok(turns[0]! > clock.monotonic() + 250 && turns[0]! <= clock.monotonic() + 1_000);
    for (let index = 1; index < turns.length; index++) assert.ok(turns[index]! - turns[index - 1]! >= 199);
    assert.ok(turns.at(-1)! < clock.monotonic() + 20_000);
    assert.equal(network.sent.length, 1);
  });

  test('is used up by a backlog whose leases are short, with no call dropped', async () => {
    const { clock, network, dispatch, kinds } = setUp({ ratePerSecond: 5 });
    network.answer = () => ({ afterMs: 1 });
    const store = new SimulatedStore(clock, async () => {
      const leaseEndsAt = clock.monotonic() + 3_000;
      return dispatch(healthy, () => clock.monotonic() < leaseEndsAt);
    });
    store.add(clock.monotonic(), 200);
    await store.run(1_000, 200);
    const before = network.sent.length;
    await store.run(20_000, 200);
    assert.equal(network.sent.length - before, 100);
    assert.equal(count(kinds(), 'dropped'), 0);
  });

  test('is not used up by calls that were not sent', async () => {
    for (const leave of [false, true]) {
      const { clock, network, dispatch, kinds } = setUp({ ratePerSecond: 5 });
      const send = network.send.bind(network);
      network.send = async (call) => ({ ...sentAs(call, 'unreachable', clock.monotonic()), withheld: true });
      for (let call = 0; call < 5; call++) void dispatch(healthy, () => leave);
      await settlePromises();
      assert.equal(count(kinds(), 'dropped'), 5);
      network.send = send;
      void dispatch();
      assert.equal(network.sent.length, 1);
    }
  });

  test('may be less than one', async () => {
    const { clock, network, dispatch } = setUp({ ratePerSecond: 0.5 });
    network.answer = () => ({ afterMs: 1 });
    const sentBy = [];
    for (let second = 0; second < 7; second++) {
      void dispatch();
      sentBy.push(network.sent.length);
      await clock.advance(1_000);
    }
    assert.deepEqual(sentBy, [1, 1, 2, 2, 3, 3, 4]);
  });
});

describe('stop', () => {
  test('postpones what is queued and what comes, and lets what is on the wire go on', async () => {
    const { clock, network, lanes, dispatch, answers, kinds } = setUp({ perDestinationMax: 1 });
    void dispatch();
    void dispatch();
    void dispatch('http://other.test');
    lanes.stop();
    void dispatch();
    await settlePromises();
    assert.deepEqual(kinds(), ['open', 'stopping', 'open', 'stopping']);
    assert.deepEqual(answers[1], { kind: 'postponed', untilAt: clock.monotonic(), because: 'stopping' });
    network.finish(2);
    await settlePromises();
    assert.deepEqual(kinds(), ['sent', 'stopping', 'sent', 'stopping']);
    assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
  });

  test('leaves no alarm behind', async () => {
    const { clock, lanes, dispatch } = setUp({ ratePerSecond: 1 });
    let alarms = 0;
    const after = clock.after.bind(clock);
    clock.after = (delayMs, run) => {
      alarms++;
      const cancel = after(delayMs, run);
      return () => {
        alarms--;
        cancel();
      };
    };
    void dispatch();
    void dispatch();
    assert.equal(alarms, 2);
    lanes.stop();
    assert.equal(alarms, 0);
  });
});

describe('memory', () => {
  test('a destination is forgotten a minute after its last call', async () => {
    const { clock, network, lanes, dispatch } = setUp();
    network.answer = () => ({ afterMs: 1 });
    void dispatch();
    await clock.advance(59_000);
    assert.equal(lanes.view().length, 1);
    await clock.advance(3_000);
    assert.equal(lanes.view().length, 0);
  });

  test('a destination with a call on the wire is not forgotten', async () => {
    const { clock, lanes, dispatch } = setUp();
    void dispatch();
    await clock.advance(3_600_000);
    assert.equal(lanes.view()[0]?.inFlight, 1);
  });

  test('an open breaker is forgotten after five minutes without a call', async () => {
    const world = setUp();
    await openBreaker(world);
    await world.clock.advance(240_000);
    assert.equal(world.lanes.view()[0]?.breaker, 'open');
    await world.clock.advance(62_000);
    assert.equal(world.lanes.view().length, 0);
  });

  test('of more than 10,000 destinations those without work are forgotten at once', async () => {
    const { network, lanes, dispatch } = setUp();
    network.answer = (call) => (call.destination === healthy ? undefined : { afterMs: 0 });
    void dispatch();
    for (let call = 0; call < 25_000; call++) await dispatch(`http://d${call}.test`);
    assert.ok(lanes.view().length <= 10_000);
    assert.ok(lanes.view().some((view) => view.destination === healthy));
  });
});

test('a sender that throws or rejects, which it must not, leaves its call unknown and frees the slot', async () => {
  for (const send of [() => assert.fail('defect'), async () => assert.fail('defect')]) {
    const { lanes, dispatch } = setUp({ sender: { send, cutOff: () => {}, close: async () => {} } });
    const dispatched = await dispatch();
    assert.ok(dispatched.kind === 'sent' && dispatched.attempt.outcome === 'unknown');
    assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
  }
});

for (let seed = 1; seed <= 20; seed++) {
  test(`every call is answered exactly once, and counted right, whatever happens (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.fraction() * items.length)]!;
    const totalMax = pick([1, 8, 64]);
    const perDestinationMax = pick([1, 4, 64]);
    const { clock, network, lanes, dispatch, answers, kinds } = setUp({
      totalMax,
      perDestinationMax,
      queuedMax: pick([10, 500]),
      ratePerSecond: pick([0, 0, 20]),
    });
    const outcomes = ['delivered', 'delivered', 'rejected', 'unknown', 'unreachable', 'blocked'] as const;
    network.answer = () => ({ afterMs: pick([0, 1, 50, 3_000, 15_000]), outcome: pick(outcomes) });
    const permits = [() => true, () => true, () => false, () => assert.fail('refused'), async () => false];
    let pending = 0;
    const granted = new Map<number, string>();
    /** Of the calls whose marks are stored, and that are neither sent nor answered: the destinations. */
    const ready = () => {
      const sent = new Set(network.sent.map(({ number }) => number - 1));
      const waiting = [...granted].filter(([index]) => !sent.has(index) && answers[index] === undefined);
      return waiting.map(([, destination]) => destination);
    };
    const dispatchMarked = (destination: string) => {
      const index = answers.length;
      const mark = () => {
        pending++;
        const { promise, resolve } = Promise.withResolvers<boolean>();
        clock.after(pick([0, 5, 100]), () => {
          pending--;
          granted.set(index, destination);
          resolve(true);
        });
        return promise;
      };
      void dispatch(destination, mark, 'at-most-once');
    };
    for (let step = 0; step < 60; step++) {
      for (let call = 0; call < 20; call++) {
        const destination = `http://d${pick([1, 2, 3, 4])}.test`;
        if (pick([true, false])) dispatchMarked(destination);
        else void dispatch(destination, pick(permits));
      }
      await clock.advance(pick([0, 1, 20, 500, 2_500]));
      for (const each of [...network.onWire].filter(() => random.fraction() < 0.1)) {
        each.finish(pick(outcomes), pick([undefined, undefined, 1_500]));
      }
      await settlePromises();
      const inFlight = network.onWire.size + pending + ready().length;
      assert.deepEqual(totalsOf(lanes), { inFlight, queued: lanes.queued });
      assert.ok(network.onWire.size <= totalMax);
      for (const { destination } of lanes.view()) {
        const onWire = [...network.onWire].filter(({ call }) => call.destination === destination);
        assert.ok(onWire.length <= perDestinationMax, `${onWire.length} on the wire to ${destination}`);
        if (ready().includes(destination)) assert.equal(onWire.length, perDestinationMax);
      }
    }
    if (seed % 2 === 0) lanes.stop();
    // With a single slot, what is queued may take 15 s each, one after the other.
    await clock.advance(180_000);
    assert.equal(count(kinds(), 'open'), 0);
    assert.equal(count(kinds(), 'sent'), network.sent.length);
    assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
    assert.equal(lanes.queued, 0);
    if (seed % 2 === 0) return;
    network.answer = () => undefined;
    for (let call = 0; call < totalMax + 3; call++) void dispatch(`http://fresh${call}.test`);
    assert.equal(network.onWire.size, totalMax);
  });
}

test('a call that the sender withheld is dropped, frees its slot, and is no answer of the receiver', async () => {
  const { clock, network, lanes, dispatch, answers } = setUp({ perDestinationMax: 1 });
  const send = network.send.bind(network);
  network.send = async (call) => ({ ...sentAs(call, 'unreachable', clock.monotonic()), withheld: true });
  for (let call = 0; call < 10; call++) dispatch();
  await clock.advance(0);
  assert.deepEqual(answers, Array(10).fill({ kind: 'dropped' }));
  assert.equal(lanes.view()[0]?.breaker, 'closed');
  assert.deepEqual(totalsOf(lanes), { inFlight: 0, queued: 0 });
  network.send = send;
  dispatch();
  await clock.advance(0);
  assert.equal(network.onWire.size, 1);
});

test('it is told once when a breaker opens, and once when it closes again', async () => {
  const told: string[] = [];
  const { clock, network, dispatch } = setUp({
    onBreaker: (destination, change) => told.push(`${destination} ${change}`),
  });
  network.answer = () => ({ afterMs: 0, outcome: 'unreachable' });
  for (let round = 0; round < 40; round++) {
    dispatch();
    await clock.advance(500);
  }
  assert.deepEqual(told, [`${healthy} opened`]);
  network.answer = () => ({ afterMs: 0 });
  for (let round = 0; round < 80; round++) {
    dispatch();
    await clock.advance(500);
  }
  assert.deepEqual(told, [`${healthy} opened`, `${healthy} closed`]);
});
