import { type ErrorCode, PunctualError } from '../../timer/errors.ts';
import { withShard } from '../../timer/id.ts';
import type { Idempotency, NewTimer } from '../../timer/timer.ts';
import type { InsertResult, KeyUse } from '../store.ts';
import { type Homes, homesOf } from './homes.ts';
import { inParts } from './in-parts.ts';
import { couldNotAnswer, type WatchedShard } from './watched-shard.ts';

export interface InserterOptions {
  /** In order of number. */
  readonly shards: readonly WatchedShard[];
  /** How many shards there were when the first key was used. */
  readonly shardsAtStart: () => number;
  /** Which shard has the first turn. */
  readonly firstTurn: number;
}

/** A batch asks for at most this many of its keys at once: a thousand of them must not stand before everybody else's reads. */
const keysAskedMax = 16;

/** Decides where new timers live, and stores them there. */
export class Inserter {
  readonly #shards: readonly WatchedShard[];
  readonly #shardsAtStart: () => number;
  #turn: number;

  constructor({ shards, shardsAtStart, firstTurn }: InserterOptions) {
    this.#shards = shards;
    this.#shardsAtStart = shardsAtStart;
    this.#turn = firstTurn;
  }

  /** As `Store.insert`: throws only where every timer was refused. */
  async insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    const results = await inParts(timers, isKeyed, (keyed, part) =>
      keyed ? this.#insertKeyed(part) : this.#insertAnywhere(part),
    );
    const errors = results.flatMap((result) => (result.kind === 'refused' ? [result.error] : []));
    if (errors.length === 0 || errors.length < timers.length) return results;
    // Only this one does not promise that nothing was stored.
    throw errors.find(({ code }) => code === 'commit_unknown') ?? errors[0];
  }

  /** What a key was used for, in whichever shard it may have been. Throws where one of them cannot be asked and no other knows the key. */
  async findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined> {
    const { home, earlier } = this.#homesOf(tenant, idempotency);
    return this.#findIn(home ? [home, ...earlier] : earlier, tenant, idempotency);
  }

  /** All in one shard, so that they share a commit. Where it provably did nothing, the next one is tried, each of them once. */
  async #insertAnywhere(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    let first: PunctualError | undefined;
    for (const shard of this.#nextInTurn()) {
      // It may have gone down while others were tried.
      if (!shard.takesNew) continue;
      try {
        return await insertInto(shard, timers);
      } catch (error) {
        if (!didNothing(error)) return refuse(timers, error);
        first ??= error;
      }
    }
    return refuse(timers, first ?? nowhere());
  }

  /** Those that take new timers, beginning with another one each time. */
  #nextInTurn(): WatchedShard[] {
    const open = this.#shards.filter((shard) => shard.takesNew);
    const first = open.length > 0 ? this.#turn++ % open.length : 0;
    return [...open.slice(first), ...open.slice(0, first)];
  }

  async #insertKeyed(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    const entries = timers.map((timer) => ({ timer, homes: this.#homesOf(timer.tenant, timer.idempotency!) }));
    const uses = await mapSome(keysAskedMax, entries, ({ timer, homes }) => this.#earlierUse(timer, homes));
    const fresh = entries.filter((_entry, index) => !uses[index]);
    const stored = await inParts(
      fresh,
      ({ homes }) => homes.home,
      (home, part) =>
        insertAtHome(
          home,
          part.map(({ timer }) => timer),
        ),
    );
    const rest = stored.values();
    return uses.map((use) => use ?? rest.next().value!);
  }

  async #earlierUse({ tenant, idempotency }: NewTimer, { earlier }: Homes<WatchedShard>) {
    try {
      return await this.#findIn(earlier, tenant, idempotency!);
    } catch (error) {
      return refusal(error);
    }
  }

  async #findIn(
    shards: readonly WatchedShard[],
    tenant: string,
    idempotency: Idempotency,
  ): Promise<KeyUse | undefined> {
    const asked = shards.map((shard) =>
      shard.answers
        ? shard.ask('findKey', (store) => store.findKey(tenant, idempotency))
        : Promise.reject(shard.refusal()),
    );
    const answers = await Promise.allSettled(asked);
    const found = answers.find((answer) => answer.status === 'fulfilled' && answer.value !== undefined);
    if (found?.status === 'fulfilled') return found.value;
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed) throw failed.reason;
    return undefined;
  }

  #homesOf(tenant: string, { key }: Idempotency): Homes<WatchedShard> {
    return homesOf({ tenant, key }, this.#shards, this.#shardsAtStart());
  }
}

function isKeyed({ idempotency }: NewTimer): boolean {
  return idempotency !== null;
}

/** A key has one home: while that is down, what comes with the key is refused. */
async function insertAtHome(home: WatchedShard | undefined, timers: readonly NewTimer[]): Promise<InsertResult[]> {
  if (!home) return refuse(timers, nowhere());
  if (!home.answers) return refuse(timers, home.refusal());
  try {
    return await insertInto(home, timers);
  } catch (error) {
    return refuse(timers, error);
  }
}

function insertInto(shard: WatchedShard, timers: readonly NewTimer[]): Promise<InsertResult[]> {
  const placed = timers.map((timer) => ({ ...timer, id: withShard(timer.id, shard.number) }));
  return shard.call('insert', (store) => store.insert(placed));
}

/** Whether the error promises that nothing was stored, so that another shard may be tried. */
function didNothing(error: unknown): error is PunctualError {
  return couldNotAnswer(error) && !perhapsDone.has(error.code);
}

/** A damaged file may hold anything. */
const perhapsDone: ReadonlySet<ErrorCode> = new Set(['commit_unknown', 'store_not_a_database']);

function nowhere(): PunctualError {
  return new PunctualError('store_unavailable', { message: 'No shard takes new timers now; nothing was stored.' });
}

function refuse(timers: readonly NewTimer[], error: unknown): InsertResult[] {
  return timers.map(() => refusal(error));
}

function refusal(error: unknown): InsertResult {
  const known = error instanceof PunctualError ? error : new PunctualError('internal', { cause: error });
  return { kind: 'refused', error: known };
}

/** As `Promise.all(items.map(run))`, but of at most `max` items at a time. */
async function mapSome<T, R>(max: number, items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const left = items.entries();
  const worker = async () => {
    for (const [at, item] of left) results[at] = await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
  return results;
}
