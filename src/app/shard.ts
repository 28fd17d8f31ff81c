import type { Logger } from 'pino';
import { Synchroniser } from '../clock/synchroniser.ts';
import type { SystemClock } from '../clock/system-clock.ts';
import type { Config } from '../config.ts';
import { AwaitedStore } from '../store/awaited.ts';
import { type GroupedStore, groupedInserts } from '../store/grouped-inserts.ts';
import type { Store, Wakeups } from '../store/store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type StoreCall, timedStore } from '../telemetry/timed-store.ts';
import { isStoreOutage } from '../timer/errors.ts';
import type { Random } from '../timer/random.ts';
import type { Database, OpenedStore } from './open-store.ts';

export interface ShardParts {
  readonly database: Database;
  /** Will be at the database's time. */
  readonly clock: SystemClock;
  /** Its place in DATABASE_URL. */
  readonly number: number;
  readonly config: Config;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: () => Metrics;
  /** Told when the database has been tried as often as the settings allow, or can never be had. */
  readonly onGiveUp: (error: unknown) => void;
}

/** Timers in one commit at most; one batch create always fits. */
const insertBatchMax = 1_000;

/** One database with all that belongs to it: its store, its clock, and whether it answers. */
export class Shard {
  readonly number: number;
  readonly name: string;
  readonly draining: boolean;
  /** At its database's time. */
  readonly clock: SystemClock;
  /** For controllers. */
  readonly store: Store;
  /** For the API: with a queue in front of its inserts. */
  readonly grouped: GroupedStore;
  readonly wakeups: Wakeups | undefined;
  readonly #parts: ShardParts;
  readonly #awaited: AwaitedStore<OpenedStore>;
  readonly #synchroniser: Synchroniser;
  readonly #closeWakeups: () => Promise<void>;
  #shardsWhenMade: number | undefined;
  #isUp = false;
  /** Tries in a row that did not reach the database, and when the last of them was counted. */
  #failures = 0;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: ShardParts) {
    const { database, clock, number, config, random, log } = parts;
    this.#parts = parts;
    this.clock = clock;
    this.number = number;
    this.name = database.name;
    this.draining = config.drainShards.includes(number);
    this.wakeups = database.wakeups;
    this.#closeWakeups = async () => database.wakeups?.close();
    this.#awaited = new AwaitedStore({
      open: database.open,
      clock,
      random,
      pauseMsMax: config.reconnectWaitMs,
      triesMax: database.isFile ? 1 : config.retryNumber || Number.POSITIVE_INFINITY,
      onOutage: (error) =>
        log.error({ err: error, database: this.name }, 'the database cannot be had yet; it is tried again'),
    });
    this.store = timedStore(this.#awaited.store, clock, (call) => this.#note(call));
    this.grouped = groupedInserts(this.store, {
      clock,
      batchMax: insertBatchMax,
      queuedMax: config.insertQueueMax,
      queuedBytesMax: config.insertQueueBytesMax,
      waitMsMax: config.insertWaitMsMax,
    });
    this.#synchroniser = new Synchroniser({
      clock,
      storeTime: () => this.store.time(),
      onDoubt: (doubtMs) =>
        log.warn(
          { doubt_ms: doubtMs, database: this.name },
          "how far this process is off the store's time has changed",
        ),
    });
  }

  /** Whether the database answered last time. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** How many places DATABASE_URL had when this database was made; undefined until it is open. */
  get shardsWhenMade(): number | undefined {
    return this.#shardsWhenMade;
  }

  /** Resolves when the database is open, or was tried once without success and goes on being tried. Throws what keeps it from ever opening. */
  async start(): Promise<void> {
    const { log, onGiveUp } = this.#parts;
    const opened = this.#awaited.opened.then(({ warnings, shardsWhenMade }) => {
      this.#shardsWhenMade = shardsWhenMade;
      for (const warning of warnings) log.warn({ database: this.name }, warning);
    });
    await Promise.race([opened, this.#awaited.tried]);
    opened.catch(onGiveUp);
    await this.#synchroniser.start();
  }

  async close(): Promise<void> {
    this.#synchroniser.stop();
    await this.#closeWakeups();
    await this.#awaited.store.close();
  }

  #note({ verb, seconds, error }: StoreCall): void {
    const { metrics, config, onGiveUp } = this.#parts;
    metrics().storeCalls.observe({ verb }, seconds);
    if (error !== undefined) metrics().storeFailures.inc({ verb });
    this.#isUp = !isStoreOutage(error);
    if (this.#isUp) this.#failures = 0;
    else if (this.clock.monotonic() >= this.#failedAt + config.reconnectWaitMs) {
      this.#failedAt = this.clock.monotonic();
      this.#failures++;
      if (this.#failures === config.retryNumber) onGiveUp(error);
    }
  }
}
