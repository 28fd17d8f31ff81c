import { isDeepStrictEqual } from 'node:util';
import type {
  Change,
  Claimed,
  ClaimRequest,
  Counts,
  HeldSettlement,
  Hold,
  HoldResult,
  InsertResult,
  KeyUse,
} from '../../../src/store/store.ts';
import type { TimerId } from '../../../src/timer/id.ts';
import type { EndedStatus, Idempotency, NewTimer, Timer } from '../../../src/timer/timer.ts';
import type { Answer, Operation } from './operation.ts';

/** What a store has, as a value: an operation makes another state of it. */
export interface State {
  readonly timers: ReadonlyMap<TimerId, Kept>;
  readonly keys: ReadonlyMap<string, FirstUse>;
  /** How many timers are no longer there. */
  readonly purged: number;
}

/** A timer, and from when on it may be claimed: while it is held, when the lease runs out. */
export interface Kept {
  readonly timer: Timer;
  readonly claimableAt: number;
}

interface FirstUse extends Idempotency {
  readonly id: TimerId;
  readonly dueAt: number;
}

export type Result<Said extends Answer = Answer> = readonly [after: State, answer: Said];

/** A store that has nothing, and from which so many timers were purged. */
export function emptyState(purged: number): State {
  return { timers: new Map(), keys: new Map(), purged };
}

/**
 * The store's contract with nobody else about: what the operation makes of the state, and what it answers. Written for these tests and
 * independent of every engine, MemoryStore too.
 */
export function step(state: State, operation: Operation): Result {
  switch (operation.verb) {
    case 'insert':
      return insert(state, operation.timers);
    case 'claim':
      return take(state, operation.request, claimable(state, operation.request).slice(0, operation.request.limit));
    case 'begin':
      return eachHeld(state, operation.holds, ({ timer, ...kept }, { claim }) => ({
        ...kept,
        timer: { ...timer, begunClaim: claim },
      }));
    case 'extend':
      return eachHeld(state, operation.holds, ({ timer }, { owner }) => ({
        timer: { ...timer, lease: { owner, until: operation.untilAt } },
        claimableAt: operation.untilAt,
      }));
    case 'release':
      return eachHeld(state, operation.releases, ({ timer }, { claimAt }) => ({
        timer: { ...timer, lease: null, begunClaim: null },
        claimableAt: claimAt,
      }));
    case 'settle':
      return inTurn(state, operation.settlements, settle);
    case 'change':
      return change(state, operation.change);
    case 'purge': {
      const old = purgeable(state, operation.request.endedBefore).slice(0, operation.request.limit);
      return [without(state, old), old.length];
    }
    default:
      return [state, read(state, operation)];
  }
}

/**
 * All that the operation may come to. The entries of a batch may be taken in any order: it matters where a controller settles two claims
 * of one timer in one batch, the second of which took the timer over.
 */
export function outcomes(state: State, operation: Operation): Result[] {
  if (operation.verb !== 'settle') return [step(state, operation)];
  const { settlements } = operation;
  return ordersOf(settlements.map((_, index) => index)).map((order) => {
    const inOrder = order.map((index) => settlements[index]!);
    const [after, said] = inTurn(state, inOrder, settle);
    return [after, settlements.map((_, index) => said[order.indexOf(index)]!)];
  });
}

/** The given order first. */
function ordersOf(indexes: readonly number[]): number[][] {
  if (indexes.length <= 1) return [[...indexes]];
  return indexes.flatMap((first) =>
    ordersOf(indexes.filter((index) => index !== first)).map((rest) => [first, ...rest]),
  );
}

function read(state: State, operation: Operation & { verb: 'get' | 'findKey' | 'list' | 'counts' }): Answer {
  switch (operation.verb) {
    case 'get':
      return state.timers.get(operation.id)?.timer;
    case 'findKey':
      return useOf(state, operation.idempotency);
    case 'list':
      return { timers: newestFirst(state).map(summaryOf), next: null, missing: [] };
    case 'counts':
      return countsOf(state, operation.nowMs);
  }
}

function insert(state: State, news: readonly NewTimer[]): Result {
  return inTurn(state, news, insertOne);
}

function insertOne(state: State, { idempotency, ...fresh }: NewTimer): readonly [State, InsertResult] {
  const used = idempotency && useOf(state, idempotency);
  if (used) return [state, used];
  const timer: Timer = {
    ...fresh,
    key: idempotency?.key ?? null,
    retryAt: null,
    attempts: [],
    attemptsMade: 0,
    attemptsMax: fresh.spec.retry.maxAttempts,
    claim: 0,
    lease: null,
    begunClaim: null,
    ended: null,
  };
  const { id, dueAt } = timer;
  const keys = idempotency ? new Map(state.keys).set(idempotency.key, { ...idempotency, id, dueAt }) : state.keys;
  return [
    { ...put(state, { timer, claimableAt: dueAt }), keys },
    { kind: 'created', id },
  ];
}

function useOf({ keys }: State, { key, fingerprint }: Idempotency): KeyUse | undefined {
  const first = keys.get(key);
  if (!first) return undefined;
  const { id, dueAt } = first;
  return first.fingerprint === fingerprint ? { kind: 'existing', id, dueAt } : { kind: 'conflict', id };
}

/** In the order of a claim. */
export function claimable({ timers }: State, { horizonAt, expiredBy }: ClaimRequest): Kept[] {
  return [...timers.values()]
    .filter(({ timer, claimableAt }) => !timer.ended && claimableAt <= (timer.lease ? expiredBy : horizonAt))
    .toSorted((one, other) => one.claimableAt - other.claimableAt || byId(one.timer, other.timer));
}

/** Leases these to the owner. */
export function take(state: State, { owner, leaseUntil }: ClaimRequest, wanted: readonly Kept[]): Result<Claimed[]> {
  return inTurn(state, wanted, (now, { timer, claimableAt }) => {
    const taken = { ...timer, claim: timer.claim + 1, lease: { owner, until: leaseUntil } };
    const claimed = { timer: taken, claimableAt, takenFrom: timer.lease?.owner ?? null };
    return [put(now, { timer: taken, claimableAt: leaseUntil }), claimed];
  });
}

function eachHeld<Asked extends Hold>(
  state: State,
  holds: readonly Asked[],
  write: (kept: Kept, asked: Asked) => Kept,
): Result<HoldResult[]> {
  return inTurn(state, holds, (now, asked) => {
    const kept = now.timers.get(asked.id);
    if (!kept || !isHeldBy(kept.timer, asked)) return [now, 'lost'];
    return [put(now, write(kept, asked)), 'applied'];
  });
}

function isHeldBy({ lease, claim }: Timer, hold: Hold): boolean {
  return lease?.owner === hold.owner && claim === hold.claim;
}

function settle(state: State, held: HeldSettlement): readonly [State, HoldResult] {
  const timer = state.timers.get(held.id)?.timer;
  if (!timer) return [state, 'lost'];
  const settled = settledBy(timer, held);
  if (isHeldBy(timer, held)) return [putFree(state, settled), 'applied'];
  if (isThereAlready(timer, settled)) return [state, 'applied'];
  const isLate = timer.ended?.status === 'uncertain' && timer.begunClaim === held.claim;
  return isLate ? [putFree(state, { ...settled, claim: timer.claim + 1 }), 'applied'] : [state, 'lost'];
}

function settledBy(timer: Timer, { settlement: { next, ...counted } }: HeldSettlement): Timer {
  const free = { ...timer, ...counted, lease: null };
  if ('retryAt' in next) return { ...free, retryAt: next.retryAt, begunClaim: null, ended: null };
  const mark = next.ended.status === 'uncertain' ? timer.begunClaim : null;
  return { ...free, begunClaim: mark, ended: next.ended };
}

function isThereAlready(timer: Timer, settled: Timer): boolean {
  return isDeepStrictEqual({ ...timer, begunClaim: null }, { ...settled, begunClaim: null });
}

function change(state: State, { before, after }: Change): Result<HoldResult> {
  const timer = state.timers.get(before.id)?.timer;
  const isAsRead = timer?.claim === before.claim && timer.ended?.status === before.ended?.status;
  if (!isAsRead || timer.lease || before.lease) return [state, 'lost'];
  return [putFree(state, { ...after, claim: before.claim + 1 }), 'applied'];
}

/** What ended before, in the order of a purge. */
export function purgeable({ timers }: State, endedBefore: number): Timer[] {
  return [...timers.values()]
    .map(({ timer }) => timer)
    .filter(({ ended }) => ended && ended.at < endedBefore)
    .toSorted((one, other) => one.ended!.at - other.ended!.at || byId(one, other));
}

/** Purges these, with their keys. */
export function without(state: State, old: readonly Timer[]): State {
  const [timers, keys] = [new Map(state.timers), new Map(state.keys)];
  for (const { id, key } of old) {
    timers.delete(id);
    if (key !== null) keys.delete(key);
  }
  return { timers, keys, purged: state.purged + old.length };
}

function countsOf({ timers, purged }: State, nowMs: number): Counts {
  const all = [...timers.values()];
  const ended = (status: EndedStatus) => all.filter(({ timer }) => timer.ended?.status === status).length;
  const open = all.filter(({ timer }) => !timer.ended);
  const executing = open.filter(({ timer }) => timer.lease && attemptAt(timer) <= nowMs).length;
  const overdue = open.filter(({ timer, claimableAt }) => !timer.lease && claimableAt <= nowMs);
  return {
    accepted: timers.size + purged,
    waiting: open.length - executing,
    executing,
    done: ended('done'),
    failed: ended('failed'),
    cancelled: ended('cancelled'),
    uncertain: ended('uncertain'),
    purged,
    oldestOverdueAt: overdue.length > 0 ? Math.min(...overdue.map(({ timer }) => attemptAt(timer))) : null,
    overdue: overdue.length,
    missing: [],
  };
}

function newestFirst({ timers }: State): Timer[] {
  return [...timers.values()].map(({ timer }) => timer).toSorted((one, other) => byId(other, one));
}

function summaryOf({ id, spec: { url, method, tags }, dueAt, retryAt, attemptsMade, lease, ended }: Timer) {
  return { id, spec: { url, method, tags }, dueAt, retryAt, attemptsMade, lease, ended };
}

/** One after another, each on what the one before has made. */
function inTurn<Item, Said>(
  state: State,
  items: readonly Item[],
  work: (state: State, item: Item) => readonly [State, Said],
): readonly [State, Said[]] {
  const said: Said[] = [];
  let now = state;
  for (const item of items) {
    const [after, answer] = work(now, item);
    now = after;
    said.push(answer);
  }
  return [now, said];
}

function put(state: State, kept: Kept): State {
  return { ...state, timers: new Map(state.timers).set(kept.timer.id, kept) };
}

/** A timer that nobody holds is claimable when its attempt is due. */
function putFree(state: State, timer: Timer): State {
  return put(state, { timer, claimableAt: attemptAt(timer) });
}

function attemptAt({ retryAt, dueAt }: Timer): number {
  return retryAt ?? dueAt;
}

function byId(one: Timer, other: Timer): number {
  return one.id < other.id ? -1 : 1;
}
