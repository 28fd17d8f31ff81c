import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Synchroniser } from '../../src/clock/synchroniser.ts';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { Controller } from '../../src/controller/controller.ts';
import { defaultControllerSettings } from '../../src/controller/settings.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeDispatcher } from '../support/fake-dispatcher.ts';
import { recordingObserver } from '../support/recording-observer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { aNewTimer } from '../support/timers.ts';

/** A controller whose machine and whose store disagree about the time. */
class Disagreement {
  readonly machine = new FakeClock();
  readonly clock = new SystemClock({
    wall: () => this.machine.now(),
    steady: () => this.machine.monotonic(),
    alarm: (delayMs, run) => this.machine.after(delayMs, run),
  });
  readonly store = new MemoryStore({ time: () => this.storeTime() });
  readonly dispatcher = new FakeDispatcher(this.clock);
  /** When each call was sent, by the store's clock. */
  readonly sentAt = new Map<string, number>();
  #aheadMs: number;

  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs;
  }

  storeTime(): number {
    return this.machine.now() + this.#aheadMs;
  }

  /** Somebody sets the store's clock. */
  jump(ms: number): void {
    this.#aheadMs += ms;
  }

  async start(): Promise<void> {
    this.dispatcher.behaviour = (call) => {
      this.sentAt.set(call.timer.id, this.storeTime());
      return new Promise(() => {});
    };
    const synchroniser = new Synchroniser({
      clock: this.clock,
      storeTime: () => this.store.time(),
      onDoubt: () => {},
    });
    await synchroniser.start();
    const controller = new Controller({
      owner: 'one',
      store: this.store,
      dispatcher: this.dispatcher,
      clock: this.clock,
      random: seededRandom(1),
      observer: recordingObserver(),
      settings: defaultControllerSettings,
    });
    controller.start();
  }

  /** Stores a timer that is due so long after the store's present time. Returns id and due time. */
  async insert(afterMs: number): Promise<{ id: string; dueAt: number }> {
    const dueAt = Math.ceil(this.storeTime() + afterMs);
    const timer = aNewTimer(this.storeTime(), { dueAt });
    await this.store.insert([timer]);
    return { id: timer.id, dueAt };
  }
}

for (const aheadMs of [5_000, -5_000]) {
  test(`timers fire by the store's clock where it is ${aheadMs} ms off the machine's`, async () => {
    const both = new Disagreement(aheadMs);
    await both.start();
    const timers = await Promise.all([300, 1_000, 4_000, 7_000].map((afterMs) => both.insert(afterMs)));
    await both.machine.advance(10_000);
    for (const { id, dueAt } of timers) {
      const late = both.sentAt.get(id)! - dueAt;
      assert.ok(late >= 0 && late < 5, `fired ${late} ms after its time`);
    }
  });
}

test('a store whose clock jumps ahead is followed within about a second, and what became due fires', async () => {
  const both = new Disagreement(0);
  await both.start();
  const timer = await both.insert(6_000);
  await both.machine.advance(500);
  both.jump(5_000);
  await both.machine.advance(2_000);
  const late = both.sentAt.get(timer.id)! - timer.dueAt;
  assert.ok(late >= 0 && late < 1_200, `fired ${late} ms after its time`);
});

test('a store whose clock jumps back is noticed within about a second: nothing fires by the old time after that', async () => {
  const both = new Disagreement(0);
  await both.start();
  const soon = await both.insert(2_000);
  const later = await both.insert(4_000);
  await both.machine.advance(500);
  both.jump(-5_000);
  await both.machine.advance(4_000);
  assert.equal(both.dispatcher.sent.length, 0, 'the clock is in doubt: nothing fires');
  await both.machine.advance(8_000);
  for (const { id, dueAt } of [soon, later]) {
    const late = both.sentAt.get(id)! - dueAt;
    assert.ok(late >= 0 && late < 50, `fired ${late} ms after its time`);
  }
});
