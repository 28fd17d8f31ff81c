import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { machineTicks, SystemClock, type Ticks } from '../../src/clock/system-clock.ts';

const startMs = Date.UTC(2026, 0, 1);

/** A machine whose clocks move only when a test moves them, and a store whose clock is ahead of the machine's by `storeAheadMs`. */
class Machine implements Ticks {
  readonly alarm = machineTicks.alarm;
  #wall = startMs;
  #steady = 500;
  #store: number;

  constructor(storeAheadMs = 0) {
    this.#store = startMs + storeAheadMs;
  }

  wall(): number {
    return this.#wall;
  }

  steady(): number {
    return this.#steady;
  }

  store(): number {
    return this.#store;
  }

  /** Time goes by. */
  pass(ms: number): void {
    this.#steady += ms;
    this.#wall += ms;
    this.#store += ms;
  }

  /** Time goes by for everybody else: the steady clock of a suspended machine stands still. */
  sleep(ms: number): void {
    this.#wall += ms;
    this.#store += ms;
  }

  /** Somebody sets the machine's wall clock. */
  setWall(ms: number): void {
    this.#wall += ms;
  }

  /** Somebody sets the store's clock. */
  setStore(ms: number): void {
    this.#store += ms;
  }

  /** Asks the store for its time; answers come after the given ways there and back, one pair for each question. */
  asking(...ways: [there: number, back: number][]): () => Promise<number> {
    return async () => {
      const [there, back] = ways.shift() ?? [0, 0];
      this.pass(there);
      const time = this.#store;
      this.pass(back);
      return time;
    };
  }
}

/** What two clocks may drift apart: 500 ppm. */
const drift = 500e-6;

/** The clock is never ahead of the store's, and behind it by no more than it says: which is this much, but for rounding. */
function assertKnown(clock: SystemClock, machine: Machine, doubtMs: number): void {
  const behind = machine.store() - clock.now();
  assert.ok(behind >= -1e-3 && behind <= clock.doubtMs() + 1e-3, `behind by ${behind} of ${clock.doubtMs()} ms`);
  assert.ok(Math.abs(clock.doubtMs() - doubtMs) < 1e-3, `a doubt of ${clock.doubtMs()} ms, not ${doubtMs}`);
}

describe('before it is measured', () => {
  it('a clock goes by the machine’s wall clock, and says that this is not to be relied on', () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    machine.pass(40);
    assert.equal(clock.now(), startMs + 40);
    assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);
  });
});

describe('measuring the store’s time', () => {
  for (const aheadMs of [0, 5_000, -5_000, 86_400_000]) {
    it(`finds a store that is ${aheadMs} ms ahead`, async () => {
      const machine = new Machine(aheadMs);
      const clock = new SystemClock(machine);
      await clock.synchronise(machine.asking([4, 4]), 1);
      assertKnown(clock, machine, 8);
      machine.pass(60_000);
      assertKnown(clock, machine, 8 + 60_000 * 2 * drift);
    });
  }

  it('knows what the quickest of its answers tells, and what others add to it', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking([90, 10], [1, 1], [10, 90]));
    assertKnown(clock, machine, 2 + 102 * 2 * drift);
    await clock.synchronise(machine.asking([90, 0.25], [0.5, 90], [40, 40]));
    assertKnown(clock, machine, 0.75 + 170.5 * 2 * drift);
  });

  it('is not ahead of a slower store though the process stood still between two answers', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    const ask = machine.asking([1, 0], [1, 0]);
    let asked = 0;
    await clock.synchronise(() => {
      if (asked++ === 1) {
        machine.pass(10_000);
        machine.setStore(-10_000 * drift);
      }
      return ask();
    }, 2);
    assert.ok(clock.now() <= machine.store());
  });

  it('believes the newer answers of a store that was set between two', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    const ask = machine.asking([1, 1], [1, 1]);
    let asked = 0;
    await clock.synchronise(async () => {
      if (asked++ === 1) machine.setStore(-5_000);
      return ask();
    }, 2);
    assertKnown(clock, machine, 2);
  });

  it('is wrong by no more than it says, however uneven the ways are', async () => {
    for (const ways of [
      [100, 0],
      [0, 100],
      [70, 30],
    ] as [number, number][]) {
      const machine = new Machine(3_000);
      const clock = new SystemClock(machine);
      await clock.synchronise(machine.asking(ways), 1);
      assertKnown(clock, machine, 100);
    }
  });

  it('leaves everything as it was when the store does not answer', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking([2, 2]), 1);
    const refusal = new Error('gone');
    await assert.rejects(
      clock.synchronise(() => Promise.reject(refusal)),
      refusal,
    );
    assertKnown(clock, machine, 4);
  });

  it('needs at least one answer', async () => {
    await assert.rejects(
      new SystemClock(new Machine()).synchronise(async () => startMs, 0),
      RangeError,
    );
  });
});

describe('before the first measurement', () => {
  it('a wall clock that is ahead is read, and binds nobody once the store has said what time it is', async () => {
    const machine = new Machine(-3_600_000);
    const clock = new SystemClock(machine);
    assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);
    assert.equal(clock.now(), machine.wall());
    await clock.synchronise(machine.asking([1, 1]), 1);
    assertKnown(clock, machine, 2);
  });
});

describe('a store whose clock was set', () => {
  it('forward by 5 s is followed at once', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking(), 1);
    const before = clock.now();
    machine.setStore(5_000);
    await clock.synchronise(machine.asking(), 1);
    assert.equal(clock.now(), before + 5_000);
    assert.equal(clock.doubtMs(), 0);
  });

  it('back by 5 s is waited for: the clock stands still, never steps back, and says that it is not to be relied on', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking([1, 1]), 1);
    const before = clock.now();
    machine.setStore(-5_000);
    await clock.synchronise(machine.asking(), 1);
    assert.equal(clock.now(), before);
    assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);

    machine.pass(4_000);
    assert.equal(clock.now(), before);
    assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);

    machine.pass(1_500);
    assert.ok(clock.now() > before);
    assertKnown(clock, machine, 5_500 * 2 * drift);
  });

  it('that tells whole milliseconds is not taken for one that was set back', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking(), 1);
    const before = clock.now();
    machine.setStore(-0.9);
    await clock.synchronise(machine.asking(), 1);
    assert.equal(clock.now(), before);
    assert.ok(clock.doubtMs() < 1);
  });

  it('is not taken for one that was set back because time passes while the doubt is told', async () => {
    const machine = new Machine();
    let passes = 0;
    const steady = () => {
      machine.pass(passes);
      return machine.steady();
    };
    const clock = new SystemClock({ wall: () => machine.wall(), steady, alarm: machine.alarm });
    await clock.synchronise(machine.asking([1, 1]), 1);
    passes = 20;
    assert.ok(Number.isFinite(clock.doubtMs()));
  });

  it('is known less and less well the longer it has not been asked', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking([1, 1]), 1);
    const before = clock.doubtMs();
    machine.pass(3_600_000);
    assert.ok(Math.abs(clock.doubtMs() - before - 3_600_000 * 2 * drift) < 1e-3);
    assertKnown(clock, machine, clock.doubtMs());
  });
});

describe('a machine', () => {
  const measured = async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    await clock.synchronise(machine.asking([1, 1]), 1);
    return { machine, clock };
  };

  for (const [what, happen] of [
    ['that was suspended', (machine: Machine) => machine.sleep(3_000)],
    ['whose wall clock was set forward by 5 s', (machine: Machine) => machine.setWall(5_000)],
    ['whose wall clock was set back by 5 s', (machine: Machine) => machine.setWall(-5_000)],
  ] as const) {
    it(`${what} has no idea of the time until it is measured again`, async () => {
      const { machine, clock } = await measured();
      happen(machine);
      assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);
      machine.pass(10_000);
      assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);
      await clock.synchronise(machine.asking([1, 1]), 1);
      assertKnown(clock, machine, 2);
    });
  }

  for (const [what, asking] of [
    ['while the question was on its way', (machine: Machine) => [() => machine.sleep(60_000), () => {}] as const],
    ['while the answer was on its way', (machine: Machine) => [() => {}, () => machine.sleep(60_000)] as const],
  ] as const) {
    it(`that was suspended ${what} is not taken for measured`, async () => {
      const machine = new Machine();
      const clock = new SystemClock(machine);
      const [there, back] = asking(machine);
      await clock.synchronise(async () => {
        there();
        const time = machine.store();
        back();
        return time;
      }, 1);
      assert.equal(clock.doubtMs(), Number.POSITIVE_INFINITY);
      await clock.synchronise(machine.asking([1, 1]), 1);
      assertKnown(clock, machine, 2);
    });
  }

  it('whose clocks drift apart a little keeps its measure', async () => {
    const { machine, clock } = await measured();
    machine.setWall(499);
    assertKnown(clock, machine, 2);
  });
});

describe('the steady clock', () => {
  it('measures spans whatever happens to the wall clock and the store', async () => {
    const machine = new Machine();
    const clock = new SystemClock(machine);
    const before = clock.monotonic();
    machine.pass(10);
    machine.setWall(-5_000);
    machine.setStore(-5_000);
    await clock.synchronise(machine.asking(), 1);
    assert.equal(clock.monotonic() - before, 10);
  });
});

describe('a call after a delay', () => {
  /** `setTimeout` in the test's hands: it may ring early, as the real one does. */
  const ringing = (context: TestContext) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const machine = new Machine();
    const calls: number[] = [];
    const start = machine.steady();
    const after = (delayMs: number) =>
      new SystemClock(machine).after(delayMs, () => calls.push(machine.steady() - start));
    const pass = (ms: number, byTimeout = ms) => {
      machine.pass(ms);
      context.mock.timers.tick(byTimeout);
    };
    return { calls, after, pass };
  };

  it('comes once', (context) => {
    const { calls, after, pass } = ringing(context);
    after(5);
    pass(4);
    assert.deepEqual(calls, []);
    pass(1);
    pass(100);
    assert.deepEqual(calls, [5]);
  });

  it('is never early, even when setTimeout is', (context) => {
    const { calls, after, pass } = ringing(context);
    after(4.9);
    pass(4, 5);
    assert.deepEqual(calls, []);
    pass(0.5, 1);
    assert.deepEqual(calls, []);
    pass(1);
    assert.deepEqual(calls, [5.5]);
  });

  it('may be further away than setTimeout reaches', (context) => {
    const { calls, after, pass } = ringing(context);
    const reach = 2 ** 31 - 1;
    after(reach + 1_000);
    pass(reach);
    assert.deepEqual(calls, []);
    pass(1_000);
    assert.deepEqual(calls, [reach + 1_000]);
  });

  for (const delayMs of [0, -5, Number.NaN]) {
    it(`of ${delayMs} comes soon, but not at once`, (context) => {
      const { calls, after, pass } = ringing(context);
      after(delayMs);
      assert.deepEqual(calls, []);
      pass(1);
      assert.equal(calls.length, 1);
    });
  }

  it('can be taken back, at any time before', (context) => {
    const { calls, after, pass } = ringing(context);
    const one = after(5);
    one();
    const other = after(4.9);
    pass(4, 5);
    other();
    pass(100);
    assert.deepEqual(calls, []);
    other();
  });
});

describe('a machine’s own clocks', () => {
  it('agree with the system’s', () => {
    const clock = new SystemClock();
    assert.ok(Math.abs(clock.now() - Date.now()) < 500);
    assert.ok(Math.abs(clock.monotonic() - performance.now()) < 500);
  });
});
