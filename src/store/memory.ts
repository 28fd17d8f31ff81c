import { isDeepStrictEqual } from 'node:util';
import { destinationOf } from '../timer/destination.ts';
import { PunctualError } from '../timer/errors.ts';
import type { TimerId } from '../timer/id.ts';
import { specBytes } from '../timer/spec-bytes.ts';
import {
  attemptAt,
  type EndedStatus,
  freshTimer,
  type Idempotency,
  type NewTimer,
  statusAt,
  type Timer,
} from '../timer/timer.ts';
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
  TimerSummary,
} from './store.ts';

/** An open timer, and from when on it may be claimed: when its attempt is due, or later after a release; while held, the lease's end. */
interface OpenTimer {
  readonly timer: Timer;
  readonly claimAt: number;
}

/** What an idempotency key led to the first time. */
interface StoredKey {
  readonly id: TimerId;
  readonly fingerprint: string;
  readonly dueAt: number;
}

interface Ledger extends Record<EndedStatus, number> {
  accepted: number;
  open: number;
  purged: number;
}

export interface MemoryStoreOptions {
  /** The clock that `Store.time` reads: milliseconds since the epoch. */
  readonly time: () => number;
  /** At most this many timers are looked at for one page of `list`. */
  readonly listRowsMax?: number;
}

/**
 * A store that forgets everything with the process: for tests and the simulator. Plain maps, no indexes: what it does is easy to see, and
 * the other engines are compared with it.
 */
export class MemoryStore implements Store {
  readonly #time: () => number;
  readonly #listRowsMax: number;
  readonly #open = new Map<TimerId, OpenTimer>();
  readonly #ended = new Map<TimerId, Timer>();
  readonly #keys = new Map<string, StoredKey>();
  readonly #controllers = new Map<string, ControllerSeen>();
  readonly #ledger: Ledger = { accepted: 0, open: 0, done: 0, failed: 0, cancelled: 0, uncertain: 0, purged: 0 };
  #closed = false;

  constructor({ time, listRowsMax = 10_000 }: MemoryStoreOptions) {
    this.#time = time;
    this.#listRowsMax = listRowsMax;
  }

  async insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    this.#mustBeOpen();
    // Looked at first, so that a batch is stored as a whole or not at all.
    const ids = new Set<TimerId>();
    for (const timer of timers) {
      if (this.#find(timer.id) || ids.has(timer.id)) this.#refuseId(timer);
      ids.add(timer.id);
    }
    return timers.map((timer) => this.#insertOne(timer));
  }

  async findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined> {
    this.#mustBeOpen();
    return this.#keyUse(tenant, idempotency);
  }

  async get(id: TimerId): Promise<Timer | undefined> {
    this.#mustBeOpen();
    return this.#find(id);
  }

  async list(query: ListQuery): Promise<Page> {
    this.#mustBeOpen();
    const all = [...[...this.#open.values()].map(({ timer }) => timer), ...this.#ended.values()]
      .filter(({ id }) => query.before === undefined || id < query.before)
      .sort((one, other) => (one.id < other.id ? 1 : -1));
    const timers: TimerSummary[] = [];
    let looked = 0;
    while (looked < all.length && looked < this.#listRowsMax && timers.length < query.limit) {
      const timer = all[looked++]!;
      if (matches(timer, query)) timers.push(summaryOf(timer));
    }
    return { timers, next: looked < all.length ? (all[looked - 1]?.id ?? null) : null, missing: [] };
  }

  async change({ before, after }: Change): Promise<'applied' | 'lost'> {
    this.#mustBeOpen();
    const current = this.#find(before.id);
    if (!current || current.lease || before.lease) return 'lost';
    if (current.claim !== before.claim || current.ended?.status !== before.ended?.status) return 'lost';
    this.#put({ ...after, claim: before.claim + 1 }, attemptAt(after));
    return 'applied';
  }

  async claim(request: ClaimRequest): Promise<Claimed[]> {
    this.#mustBeOpen();
    const claimable = [...this.#open.values()]
      .filter(({ timer, claimAt }) => claimAt <= (timer.lease ? request.expiredBy : request.horizonAt))
      .sort((one, other) => one.claimAt - other.claimAt || (one.timer.id < other.timer.id ? -1 : 1));
    const claimed: Claimed[] = [];
    let bytes = 0;
    for (const { timer, claimAt } of claimable.slice(0, request.limit)) {
      bytes += specBytes(timer.spec);
      if (claimed.length > 0 && bytes > request.bytesMax) break;
      const lease = { owner: request.owner, until: request.leaseUntil };
      const taken = { ...timer, claim: timer.claim + 1, lease };
      this.#put(taken, request.leaseUntil);
      claimed.push({ timer: taken, claimableAt: claimAt, takenFrom: timer.lease?.owner ?? null });
    }
    return claimed;
  }

  async begin(holds: readonly Hold[]): Promise<HoldResult[]> {
    this.#mustBeOpen();
    return holds.map((hold) =>
      this.#underHold(hold, (timer) => this.#put({ ...timer, begunClaim: hold.claim }, timer.lease!.until)),
    );
  }

  async extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]> {
    this.#mustBeOpen();
    return holds.map((hold) =>
      this.#underHold(hold, (timer) => this.#put({ ...timer, lease: { owner: hold.owner, until: untilAt } }, untilAt)),
    );
  }

  async settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]> {
    this.#mustBeOpen();
    return settlements.map((settlement) => this.#settleOne(settlement));
  }

  async release(releases: readonly Release[]): Promise<HoldResult[]> {
    this.#mustBeOpen();
    return releases.map((release) =>
      this.#underHold(release, (timer) => this.#put({ ...timer, lease: null, begunClaim: null }, release.claimAt)),
    );
  }

  async purge({ endedBefore, limit }: { endedBefore: number; limit: number }): Promise<number> {
    this.#mustBeOpen();
    const old = [...this.#ended.values()]
      .filter(({ ended }) => ended!.at < endedBefore)
      .sort((one, other) => one.ended!.at - other.ended!.at || (one.id < other.id ? -1 : 1))
      .slice(0, limit);
    for (const timer of old) {
      this.#ended.delete(timer.id);
      this.#ledger[timer.ended!.status]--;
      this.#ledger.purged++;
      if (timer.key !== null) this.#keys.delete(keyOf(timer.tenant, timer.key));
    }
    return old.length;
  }

  async counts(nowMs: number): Promise<Counts> {
    this.#mustBeOpen();
    const { open, ...ledger } = this.#ledger;
    return this.#withOpen(nowMs, open, ledger);
  }

  async audit(nowMs: number): Promise<Counts> {
    this.#mustBeOpen();
    const ended = { done: 0, failed: 0, cancelled: 0, uncertain: 0 };
    for (const timer of this.#ended.values()) ended[timer.ended!.status]++;
    // Purged timers have left no rows to count.
    const { purged } = this.#ledger;
    const accepted = this.#open.size + this.#ended.size + purged;
    return this.#withOpen(nowMs, this.#open.size, { accepted, ...ended, purged });
  }

  async beat(beat: { controller: ControllerNote; nowMs: number; forgetBefore: number }): Promise<void> {
    this.#mustBeOpen();
    this.#controllers.set(beat.controller.owner, { ...beat.controller, seenAt: beat.nowMs });
    for (const { owner, seenAt } of this.#controllers.values()) {
      if (seenAt < beat.forgetBefore) this.#controllers.delete(owner);
    }
  }

  async controllers(since: number): Promise<ControllerSeen[]> {
    this.#mustBeOpen();
    const alive = [...this.#controllers.values()].filter(({ seenAt }) => seenAt >= since);
    return alive.sort((one, other) => (one.owner < other.owner ? -1 : 1));
  }

  async time(): Promise<number> {
    this.#mustBeOpen();
    return this.#time();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new PunctualError('store_unavailable', { message: 'The store is closed.' });
  }

  #find(id: TimerId): Timer | undefined {
    return this.#open.get(id)?.timer ?? this.#ended.get(id);
  }

  #refuseId({ id, tenant, idempotency }: NewTimer): void {
    // A repetition under its key is answered from the key, whatever its id.
    if (idempotency && this.#keys.has(keyOf(tenant, idempotency.key))) return;
    throw new PunctualError('internal', { message: `timer ${id} is stored already` });
  }

  #keyUse(tenant: string, { key, fingerprint }: Idempotency): KeyUse | undefined {
    const first = this.#keys.get(keyOf(tenant, key));
    if (!first) return undefined;
    if (first.fingerprint !== fingerprint) return { kind: 'conflict', id: first.id };
    return { kind: 'existing', id: first.id, dueAt: first.dueAt };
  }

  #insertOne(fresh: NewTimer): InsertResult {
    const { idempotency } = fresh;
    if (idempotency) {
      const used = this.#keyUse(fresh.tenant, idempotency);
      if (used) return used;
      const { key, fingerprint } = idempotency;
      this.#keys.set(keyOf(fresh.tenant, key), { id: fresh.id, fingerprint, dueAt: fresh.dueAt });
    }
    const timer = freshTimer(fresh);
    this.#ledger.accepted++;
    this.#put(timer, timer.dueAt);
    return { kind: 'created', id: timer.id };
  }

  #underHold(hold: Hold, write: (timer: Timer) => void): HoldResult {
    const timer = this.#open.get(hold.id)?.timer;
    if (timer?.lease?.owner !== hold.owner || timer.claim !== hold.claim) return 'lost';
    write(timer);
    return 'applied';
  }

  #settleOne(held: HeldSettlement): HoldResult {
    const timer = this.#find(held.id);
    if (!timer) return 'lost';
    const after = settled(timer, held);
    const claimAt = attemptAt(after);
    if (this.#underHold(held, () => this.#put(after, claimAt)) === 'applied') return 'applied';
    if (isDeepStrictEqual({ ...after, begunClaim: null }, { ...timer, begunClaim: null })) return 'applied';
    if (timer.ended?.status !== 'uncertain' || timer.begunClaim !== held.claim) return 'lost';
    // The number goes up, so that a client's change that was decided before this became known is lost.
    this.#put({ ...after, claim: timer.claim + 1 }, claimAt);
    return 'applied';
  }

  /** Writes a timer to where it belongs, and the ledger with it. */
  #put(timer: Timer, claimAt: number): void {
    const ended = this.#ended.get(timer.id);
    if (ended) this.#ledger[ended.ended!.status]--;
    if (this.#open.has(timer.id)) this.#ledger.open--;
    this.#ended.delete(timer.id);
    if (timer.ended) {
      this.#open.delete(timer.id);
      this.#ended.set(timer.id, timer);
      this.#ledger[timer.ended.status]++;
    } else {
      this.#open.set(timer.id, { timer, claimAt });
      this.#ledger.open++;
    }
  }

  #withOpen(
    nowMs: number,
    open: number,
    rest: Omit<Counts, 'waiting' | 'executing' | 'overdue' | 'oldestOverdueAt' | 'missing'>,
  ): Counts {
    const all = [...this.#open.values()];
    const executing = all.filter(({ timer }) => statusAt(timer, nowMs) === 'executing').length;
    const overdue = all.filter(({ timer, claimAt }) => !timer.lease && claimAt <= nowMs);
    const oldest = overdue.reduce((at, { timer }) => Math.min(at, attemptAt(timer)), Number.POSITIVE_INFINITY);
    return {
      ...rest,
      waiting: open - executing,
      executing,
      overdue: overdue.length,
      oldestOverdueAt: overdue.length > 0 ? oldest : null,
      missing: [],
    };
  }
}

/** The timer as the settlement makes it. Where it ends as uncertain, the mark of `begin` stays: a late settlement may still resolve it. */
function settled(timer: Timer, { settlement: { next, ...counted } }: HeldSettlement): Timer {
  const ended = 'ended' in next ? next.ended : null;
  return {
    ...timer,
    ...counted,
    retryAt: 'retryAt' in next ? next.retryAt : timer.retryAt,
    begunClaim: ended?.status === 'uncertain' ? timer.begunClaim : null,
    lease: null,
    ended,
  };
}

function matches(timer: Timer, query: ListQuery): boolean {
  return (
    timer.tenant === query.tenant &&
    (query.status === undefined || statusAt(timer, query.nowMs) === query.status) &&
    (query.destination === undefined || destinationOf(timer.spec.url) === query.destination) &&
    (query.tag === undefined || timer.spec.tags.includes(query.tag)) &&
    (query.dueFrom === undefined || timer.dueAt >= query.dueFrom) &&
    (query.dueTo === undefined || timer.dueAt < query.dueTo)
  );
}

function summaryOf({
  id,
  spec: { url, method, tags },
  dueAt,
  retryAt,
  attemptsMade,
  lease,
  ended,
}: Timer): TimerSummary {
  return { id, spec: { url, method, tags }, dueAt, retryAt, attemptsMade, lease, ended };
}

function keyOf(tenant: string, key: string): string {
  return JSON.stringify([tenant, key]);
}
