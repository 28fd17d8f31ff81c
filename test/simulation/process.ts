import { pino } from 'pino';
import type { CoreDeps } from '../../src/api/deps.ts';
import { sharedBy } from '../../src/app/fleet.ts';
import { type Clock, sleep } from '../../src/clock/clock.ts';
import { Synchroniser } from '../../src/clock/synchroniser.ts';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { loadConfig } from '../../src/config.ts';
import { Controller } from '../../src/controller/controller.ts';
import type { ControllerObserver } from '../../src/controller/observer.ts';
import { type ControllerSettings, defaultControllerSettings } from '../../src/controller/settings.ts';
import { groupedInserts } from '../../src/store/grouped-inserts.ts';
import { ShardedStore } from '../../src/store/sharded/store.ts';
import type { Store } from '../../src/store/store.ts';
import { shardOf, type TimerId } from '../../src/timer/id.ts';
import type { Timer } from '../../src/timer/timer.ts';
import { HttpSender } from '../../src/webhook/http-sender.ts';
import { Lanes } from '../../src/webhook/lanes.ts';
import { TargetGuard } from '../../src/webhook/target-guard.ts';
import type { Chance } from '../support/chance.ts';
import type { Database } from './database.ts';
import type { Life } from './machine.ts';
import type { Network } from './network.ts';

export type Role = 'serve' | 'api' | 'controller';

/** What a seed draws of the settings; the same for all processes of a run. */
export interface ProcessSettings {
  readonly controller: Partial<ControllerSettings>;
  readonly insertQueueMax: number;
  readonly insertBatchMax: number;
  readonly callsMax: number;
  readonly callsPerDestinationMax: number;
  readonly callsPerSecondPerDestination: number;
  readonly shutdownGraceMs: number;
}

export interface ProcessParts {
  readonly role: Role;
  readonly life: Life;
  readonly databases: readonly Database[];
  readonly network: Network;
  readonly chance: Chance;
  readonly settings: ProcessSettings;
  /** Tells the controllers of other processes that a timer of this shard is due soon; does nothing where databases cannot. */
  readonly ring: (from: Life, shard: number, at: number) => void;
  /** Told of timers whose last call counts as lost. */
  readonly onTakenOver: (timer: Timer) => void;
  /** Told of what should never be. */
  readonly onDefect: (error: unknown) => void;
}

const log = pino({ level: 'silent' });
const rules = { ...loadConfig({}, {}), tagCharsMax: 100 };
const guard = new TargetGuard({ refuse: ['169.254.0.0/16'] });

/** One database as a process has it. */
interface Shard {
  readonly number: number;
  readonly clock: SystemClock;
  readonly synchroniser: Synchroniser;
  readonly store: Store;
  readonly grouped: Store;
}

/** The parts of one process, put together as `app.ts` does it, on a machine of the simulation. */
export class Process {
  readonly role: Role;
  readonly #parts: ProcessParts;
  readonly #shards: readonly Shard[];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #synchronisers: readonly Synchroniser[];
  #controllers: ReadonlyMap<number, Controller> = new Map();
  #sender: HttpSender | undefined;
  #started: Promise<void> = Promise.resolve();

  constructor(parts: ProcessParts) {
    this.role = parts.role;
    this.#parts = parts;
    this.#shards = parts.databases.map((database) => this.#shard(database));
    const [first, ...others] = this.#shards as [Shard, ...Shard[]];
    const { life, chance } = parts;
    if (others.length === 0) {
      this.#store = first.grouped;
      this.#clock = first.clock;
      this.#synchronisers = [first.synchroniser];
      return;
    }
    const clock = new SystemClock(life);
    const store = new ShardedStore({
      shards: this.#shards.map(({ grouped }) => ({ store: grouped, draining: false })),
      clock,
      random: chance.fork(),
      shardsAtStart: () => this.#shards.length,
    });
    this.#store = store;
    this.#clock = clock;
    const whole = new Synchroniser({ clock, storeTime: () => store.time(), onDoubt: () => {} });
    this.#synchronisers = [...this.#shards.map(({ synchroniser }) => synchroniser), whole];
  }

  /** What the API's functions need; undefined where the process has no API. */
  get core(): CoreDeps | undefined {
    if (this.role === 'controller') return undefined;
    return {
      store: this.#store,
      clock: this.#clock,
      random: this.#parts.chance,
      rules,
      wake: (id, at) => this.#wake(id, at),
      logger: log,
      observe: { created: () => {}, refused: () => {} },
    };
  }

  start(): void {
    this.#started = this.#start();
  }

  /** Another process says that a timer of this shard is due soon. */
  rung(shard: number, at: number): void {
    this.#controllers.get(shard)?.wake(at);
  }

  /** As SIGTERM. */
  async stop(): Promise<void> {
    const { shutdownGraceMs } = this.#parts.settings;
    await this.#started;
    await Promise.all([...this.#controllers.values()].map((controller) => controller.stop(shutdownGraceMs)));
    await this.#sender?.close();
    // Requests that came before it stopped to listen are answered.
    await sleep(this.#clock, 1_000);
    for (const synchroniser of this.#synchronisers) synchroniser.stop();
  }

  async #start(): Promise<void> {
    await Promise.all(this.#synchronisers.map((synchroniser) => synchroniser.start()));
    if (this.role !== 'api') this.#startControllers();
  }

  #shard(database: Database): Shard {
    const { life, settings } = this.#parts;
    const clock = new SystemClock(life);
    const store = database.connection(life);
    const grouped = groupedInserts(store, {
      clock,
      batchMax: settings.insertBatchMax,
      queuedMax: settings.insertQueueMax,
      queuedBytesMax: 1_000_000,
      waitMsMax: 2_000,
    }).store;
    const synchroniser = new Synchroniser({ clock, storeTime: () => store.time(), onDoubt: () => {} });
    return { number: database.number, clock, synchroniser, store, grouped };
  }

  #startControllers(): void {
    const { life, network, chance, settings, onTakenOver, onDefect } = this.#parts;
    const { callsMax, callsPerDestinationMax, callsPerSecondPerDestination } = settings;
    const clock = this.#clock;
    const sender = new HttpSender({ clock, guard, version: '0', agent: network.agent(life) });
    const lanes = new Lanes({
      sender,
      clock,
      random: chance.fork(),
      perDestinationMax: callsPerDestinationMax,
      totalMax: callsMax,
      ratePerSecond: callsPerSecondPerDestination,
    });
    this.#sender = sender;
    const dispatcher = sharedBy(lanes, this.#shards.length);
    this.#controllers = new Map(
      this.#shards.map(({ number, clock: shardClock, store }) => {
        const controller = new Controller({
          owner: life.owner,
          store,
          dispatcher,
          clock: shardClock,
          random: chance.fork(),
          observer: observer(onTakenOver, onDefect),
          settings: { ...defaultControllerSettings, ...settings.controller },
        });
        controller.start();
        return [number, controller];
      }),
    );
  }

  #wake(id: TimerId, at: number): void {
    const { life, ring } = this.#parts;
    const shard = shardOf(id);
    if (this.role === 'serve') this.#controllers.get(shard)?.wake(at);
    else ring(life, shard, at);
  }
}

function observer(takenOver: (timer: Timer) => void, failed: (error: unknown) => void): ControllerObserver {
  const nothing = () => {};
  return {
    claimed: nothing,
    takenOver,
    attempted: nothing,
    postponed: nothing,
    dropped: nothing,
    settled: nothing,
    settleLost: nothing,
    purged: nothing,
    storeDown: nothing,
    storeUp: nothing,
    clockDoubtful: nothing,
    failed,
  };
}
