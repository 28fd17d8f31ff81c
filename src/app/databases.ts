import type { Logger } from 'pino';
import type { Clock } from '../clock/clock.ts';
import { Synchroniser } from '../clock/synchroniser.ts';
import { SystemClock } from '../clock/system-clock.ts';
import type { Config } from '../config.ts';
import { ShardedStore } from '../store/sharded/store.ts';
import type { Store } from '../store/store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Random } from '../timer/random.ts';
import { databaseOf } from './open-store.ts';
import { Shard, type ShardParts } from './shard.ts';

export interface DatabasesParts {
  readonly config: Config;
  readonly log: Logger;
  readonly random: Random;
  readonly metrics: () => Metrics;
  /** Told when none of the databases is to be had any more. */
  readonly onGiveUp: (error: unknown) => void;
}

type Place = Pick<ShardParts, 'database' | 'clock'>;

/** How one database is. */
export interface DatabaseState {
  readonly number: number;
  readonly up: boolean;
  readonly draining: boolean;
}

/** The databases of DATABASE_URL, and what the API needs of them together. */
export class Databases {
  readonly shards: readonly Shard[];
  /** All of them as one store, for the API. */
  readonly store: Store;
  /** Where there are several, at the time of the one that is ahead: what is due by it is not early by any. */
  readonly clock: Clock;
  readonly #synchroniser: Synchroniser | undefined;
  readonly #states: () => DatabaseState[];
  #givenUp = new Set<number>();

  /** Loads the engines; nothing is connected yet. */
  static async of(parts: DatabasesParts): Promise<Databases> {
    const { config, random } = parts;
    const load = async (url: string, shard: number): Promise<Place> => {
      const clock = new SystemClock();
      const shards = config.databaseUrls.length;
      return { clock, database: await databaseOf({ url, shard, shards, config, clock, random }) };
    };
    const places = config.databaseUrls.map((url, shard) => (url === undefined ? undefined : load(url, shard)));
    return new Databases(parts, await Promise.all(places));
  }

  private constructor(
    { config, log, random, metrics, onGiveUp }: DatabasesParts,
    loaded: readonly (Place | undefined)[],
  ) {
    const places = loaded.map((place, number) => {
      const giveUp = (error: unknown) => {
        this.#givenUp.add(number);
        if (this.#givenUp.size === this.shards.length) onGiveUp(error);
      };
      return place && new Shard({ ...place, number, config, random, log, metrics, onGiveUp: giveUp });
    });
    this.shards = places.filter((shard) => shard !== undefined);
    const [first] = this.shards as [Shard];
    if (!this.areSeveral) {
      this.store = first.grouped.store;
      this.clock = first.clock;
      this.#states = () => [{ number: first.number, up: first.isUp, draining: first.draining }];
      return;
    }
    const clock = new SystemClock();
    const store = new ShardedStore({
      shards: places.map((shard) => shard && { store: shard.grouped.store, draining: shard.draining }),
      clock,
      random,
      // The first was there from the start; while that is not open, nobody knows how many there were.
      shardsAtStart: () => first.shardsWhenMade ?? 1,
      onHealth: ({ number, up }, error) => {
        if (up) log.info({ shard: number }, 'a database answers again');
        else log.error({ shard: number, err: error }, 'a database does not answer; its timers wait');
      },
    });
    this.#states = () => store.shards().map(({ number, up, draining }) => ({ number, up, draining }));
    this.store = store;
    this.clock = clock;
    this.#synchroniser = new Synchroniser({
      clock,
      storeTime: () => store.time(),
      onDoubt: (doubtMs) =>
        log.warn({ doubt_ms: doubtMs }, "how far this process is off the databases' time has changed"),
    });
  }

  /** Whether DATABASE_URL names places, so that a timer's id says in which it lives. */
  get areSeveral(): boolean {
    return this.shards.length > 1 || this.shards[0]!.number > 0;
  }

  get names(): string[] {
    return this.shards.map(({ name }) => name);
  }

  states(): DatabaseState[] {
    return this.#states();
  }

  /** How many creates wait to be stored. */
  queued(): number {
    return this.shards.reduce((sum, { grouped }) => sum + grouped.queued(), 0);
  }

  /** The worst doubt about a database's time. */
  doubtMs(): number {
    return Math.max(...this.shards.map(({ clock }) => clock.doubtMs()));
  }

  /** Tells controllers in other processes that a timer of this shard is due soon. */
  ring(shard: number, at: number): void {
    const there = this.shards.find(({ number }) => number === shard);
    if (there && at <= there.clock.now() + ringAheadMs) there.wakeups?.ring(at);
  }

  /** Opens them all. Those that do not answer are tried on in the background. Throws what keeps them from ever opening, where none can be had. */
  async open(): Promise<void> {
    const started = await Promise.allSettled(this.shards.map((shard) => shard.start()));
    const failures = started.flatMap((start) => (start.status === 'rejected' ? [start.reason] : []));
    if (failures.length === this.shards.length) throw failures[0];
    await this.#synchroniser?.start();
  }

  async close(): Promise<void> {
    this.#synchroniser?.stop();
    if (this.areSeveral) await this.store.close();
    await Promise.all(this.shards.map((shard) => shard.close()));
  }
}

/** What is due later than this is found by the controllers' own looks in time, whatever their horizon, in milliseconds. */
const ringAheadMs = 3_000;
