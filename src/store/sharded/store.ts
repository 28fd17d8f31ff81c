import { isStoreOutage, PunctualError } from '../../timer/errors.ts';
import { shardOf, shardsMax, type TimerId } from '../../timer/id.ts';
import type { Random } from '../../timer/random.ts';
import type { Idempotency, NewTimer, Timer } from '../../timer/timer.ts';
import type {
  Change,
  Claimed,
  ClaimRequest,
  ControllerNote,
  ControllerSeen,
  Counts,
  HeldSettlement,
  Hold,
  HoldResult,
  InsertResult,
  KeyUse,
  ListQuery,
  Page,
  Release,
  Store,
} from '../store.ts';
import type { Timing } from '../timing.ts';
import { askAll, mergePages, sumCounts, uniteControllers } from './fan-out.ts';
import { inParts } from './in-parts.ts';
import { Inserter } from './inserter.ts';
import { claimShared, purgeShared } from './shares.ts';
import { type ShardState, WatchedShard } from './watched-shard.ts';

/** One database of several. */
export interface Shard {
  readonly store: Store;
  /** It takes no new timers, so that it will be empty one day and can be removed. There is no way back: see ShardedStoreOptions. */
  readonly draining: boolean;
}

export interface ShardedStoreOptions {
  /**
   * In the order of their numbers, which never changes, since the number is in each timer's id: a new shard comes last, and one that was
   * removed leaves its place empty. A shard that was drained must not take new timers again before the keys used meanwhile are purged.
   */
  readonly shards: readonly (Shard | undefined)[];
  readonly clock: Timing;
  readonly random: Random;
  /**
   * How many shards there were when the first timer was stored; 1 where that is not known. Each time that the list has grown since, a key
   * may have had another home: these are asked before a create, which is refused while one of them is down.
   */
  readonly shardsAtStart?: () => number;
  /** After this time a shard counts as down that should have answered a list, counts, or the time, in milliseconds. */
  readonly answerMsMax?: number;
  /** Told when a shard goes down, with what it threw, and when it is up again. */
  readonly onHealth?: (state: ShardState, error: unknown) => void;
}

/**
 * Several stores as one. A timer lives in the shard whose number is in its id; one without an idempotency key goes to any that is up, one
 * with a key where the key belongs. A shard that is down delays only its own timers: reads answer for the rest, and name it.
 */
export class ShardedStore implements Store {
  readonly #shards: readonly WatchedShard[];
  readonly #byNumber: ReadonlyMap<number, WatchedShard>;
  readonly #inserter: Inserter;
  readonly #clock: Timing;
  readonly #inserts = new Set<Promise<unknown>>();
  #turn: number;
  #closed = false;

  constructor({ shards, shardsAtStart = () => 1, answerMsMax = 2_000, ...watching }: ShardedStoreOptions) {
    if (shards.length > shardsMax) throw new RangeError(`there are at most ${shardsMax} shards`);
    this.#clock = watching.clock;
    this.#shards = shards.flatMap((shard, number) =>
      shard ? [new WatchedShard({ ...shard, number }, { ...watching, answerMsMax })] : [],
    );
    if (this.#shards.length === 0) throw new RangeError('there is no shard');
    this.#byNumber = new Map(this.#shards.map((shard) => [shard.number, shard]));
    // Not every process begins with the same one.
    this.#turn = Math.floor(watching.random.fraction() * this.#shards.length);
    this.#inserter = new Inserter({ shards: this.#shards, shardsAtStart, firstTurn: this.#turn });
  }

  /** How each shard is, in order of number; removed ones are left out. */
  shards(): ShardState[] {
    return this.#shards.map(({ state }) => state);
  }

  async insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    if (this.#closed) throw new PunctualError('store_unavailable', { message: 'The store is closed.' });
    const insert = this.#inserter.insert(timers);
    this.#inserts.add(insert);
    try {
      return await insert;
    } finally {
      this.#inserts.delete(insert);
    }
  }

  findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined> {
    return this.#inserter.findKey(tenant, idempotency);
  }

  async get(id: TimerId): Promise<Timer | undefined> {
    return this.#shardOf(id)?.call('get', (store) => store.get(id));
  }

  async list(query: ListQuery): Promise<Page> {
    const pages = await askAll(this.#shards, (shard) => shard.ask('list', (store) => store.list(query)));
    return mergePages(pages, query.limit);
  }

  async change(change: Change): Promise<'applied' | 'lost'> {
    const shard = this.#shardOf(change.before.id);
    return shard ? shard.call('change', (store) => store.change(change)) : 'lost';
  }

  claim(request: ClaimRequest): Promise<Claimed[]> {
    return claimShared(this.#shards, request, this.#turn++);
  }

  begin(holds: readonly Hold[]): Promise<HoldResult[]> {
    return this.#write('begin', holds, (store, part) => store.begin(part));
  }

  extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]> {
    return this.#write('extend', holds, (store, part) => store.extend(part, untilAt));
  }

  settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]> {
    return this.#write('settle', settlements, (store, part) => store.settle(part));
  }

  release(releases: readonly Release[]): Promise<HoldResult[]> {
    return this.#write('release', releases, (store, part) => store.release(part));
  }

  purge(request: { readonly endedBefore: number; readonly limit: number }): Promise<number> {
    return purgeShared(this.#shards, request, this.#turn++);
  }

  async counts(nowMs: number): Promise<Counts> {
    return sumCounts(await askAll(this.#shards, (shard) => shard.ask('counts', (store) => store.counts(nowMs))));
  }

  async audit(nowMs: number): Promise<Counts> {
    // It may take long where there are many timers.
    return sumCounts(await askAll(this.#shards, (shard) => shard.call('audit', (store) => store.audit(nowMs))));
  }

  async beat(beat: {
    readonly controller: ControllerNote;
    readonly nowMs: number;
    readonly forgetBefore: number;
  }): Promise<void> {
    await askAll(this.#shards, (shard) => shard.ask('beat', (store) => store.beat(beat)));
  }

  async controllers(since: number): Promise<ControllerSeen[]> {
    return uniteControllers(
      await askAll(this.#shards, (shard) => shard.ask('controllers', (store) => store.controllers(since))),
    );
  }

  /** The latest of the shards' clocks: what is due by it is early by none of them. */
  async time(): Promise<number> {
    const { answers } = await askAll(this.#shards, async (shard) => {
      const timeMs = await shard.ask('time', (store) => store.time());
      return { timeMs, answeredAt: this.#clock.monotonic() };
    });
    const endedAt = this.#clock.monotonic();
    // While the others were waited for, at least this much time went by there.
    return Math.max(...answers.map(({ timeMs, answeredAt }) => timeMs + (endedAt - answeredAt)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inserts);
    await Promise.all(this.#shards.map((shard) => shard.close()));
  }

  #shardOf(id: TimerId): WatchedShard | undefined {
    return this.#byNumber.get(shardOf(id));
  }

  /** Writes under holds, in each shard those of its timers. */
  async #write<H extends Hold>(
    verb: keyof Store,
    holds: readonly H[],
    run: (store: Store, part: readonly H[]) => Promise<HoldResult[]>,
  ): Promise<HoldResult[]> {
    const errors: unknown[] = [];
    const results = await inParts(
      holds,
      ({ id }) => this.#shardOf(id),
      async (shard, part) => {
        if (!shard) return part.map(() => 'lost' as const);
        return shard
          .call(verb, (store) => run(store, part))
          .catch((error) => {
            errors.push(error);
            return part.map(() => 'lost' as const);
          });
      },
    );
    if (errors.length > 0) throw failureOf(errors, results.includes('applied'));
    return results;
  }
}

/** What a batch fails with of which parts failed. An outage comes first: what is tried again then meets the rest. */
function failureOf(errors: readonly unknown[], someApplied: boolean): unknown {
  const outages = errors.filter(isStoreOutage);
  const unknown = outages.find(({ code }) => code === 'commit_unknown');
  if (outages.length === 0 || unknown) return unknown ?? errors[0];
  return someApplied ? new PunctualError('commit_unknown', { cause: outages[0] }) : outages[0];
}
