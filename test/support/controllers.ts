import { Controller } from '../../src/controller/controller.ts';
import { type ControllerSettings, defaultControllerSettings } from '../../src/controller/settings.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import type { TimerId } from '../../src/timer/id.ts';
import { type NewTimer, type Status, statusAt, type Timer } from '../../src/timer/timer.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeDispatcher } from './fake-dispatcher.ts';
import { type FlakyStore, flakyStore } from './flaky-store.ts';
import { recordingObserver } from './recording-observer.ts';
import { seededRandom } from './seeded-random.ts';
import { aNewTimer } from './timers.ts';

/** One store and one clock, with as many controllers as a test wants: nothing in it waits for real time. */
export class World {
  readonly clock = new FakeClock();
  readonly store: FlakyStore;
  readonly #random = seededRandom(7);

  constructor(store?: (clock: FakeClock) => Store) {
    this.store = flakyStore(store ? store(this.clock) : new MemoryStore({ time: () => this.clock.now() }));
  }

  /** A controller with a receiver of its own; not started. */
  controller(owner: string, settings: Partial<ControllerSettings> = {}) {
    const store = flakyStore(this.store);
    const dispatcher = new FakeDispatcher(this.clock);
    const observer = recordingObserver();
    const controller = new Controller({
      owner,
      store,
      dispatcher,
      clock: this.clock,
      random: this.#random,
      observer,
      settings: { ...defaultControllerSettings, ...settings },
    });
    /** As SIGKILL: from now on it neither sends nor writes anything, nor hears of what it had sent. */
    const die = () => {
      store.fail('before');
      dispatcher.behaviour = () => new Promise(() => {});
      dispatcher.dispatch = () => new Promise(() => {});
    };
    return { controller, dispatcher, observer, die };
  }

  /** Stores a timer, due in a second unless said otherwise, and returns its id. */
  async insert(change: Partial<NewTimer> = {}): Promise<TimerId> {
    const timer = aNewTimer(this.clock.now(), change);
    await this.store.insert([timer]);
    return timer.id;
  }

  async timer(id: TimerId): Promise<Timer> {
    const timer = await this.store.get(id);
    if (!timer) throw new Error(`no timer ${id}`);
    return timer;
  }

  async status(id: TimerId): Promise<Status> {
    return statusAt(await this.timer(id), this.clock.now());
  }
}
