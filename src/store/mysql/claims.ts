import { idToBytes } from '../../timer/id.ts';
import type { Timer } from '../../timer/timer.ts';
import { claimAcross, earliestFirst } from '../buckets.ts';
import { decodeTimer, type TimerRow } from '../rows.ts';
import type { Claimed, ClaimRequest } from '../store.ts';
import type { Connections } from './connections.ts';
import { holdersOf } from './holds.ts';
import { hexOf, portionsOf, timerRowOf } from './rows.ts';
import type { Answer } from './session.ts';
import { claim, findClaimable, findHolders, takeTimers, type Walk } from './statements/claims.ts';
import type { Transaction } from './transaction.ts';

/** A timer that a walk has found. */
interface Found {
  readonly id: Buffer;
  readonly at: number;
  readonly specBytes: number;
}

/** Claims in all buckets. */
export class Claims {
  readonly #connections: Connections;
  readonly #buckets: number;
  #count = 0;

  constructor(connections: Connections, buckets: number) {
    this.#connections = connections;
    this.#buckets = buckets;
  }

  claim(request: ClaimRequest): Promise<Claimed[]> {
    return claimAcross(request, {
      buckets: this.#buckets,
      first: this.#count++ % this.#buckets,
      claim: (bucket, share) => claimIn(this.#connections, bucket, share),
    });
  }
}

/** Claims in one bucket. Where nothing is claimable, one look without locks is all that it costs. */
async function claimIn(connections: Connections, bucket: number, request: ClaimRequest): Promise<Claimed[]> {
  const looks = walksOf(request).map((walk) => findClaimable(bucket, walk));
  const found = foundIn(await connections.look(...looks));
  if (found.length === 0) return [];
  const { rows, isWhole } = await connections.transaction(async (transaction) => {
    const rows = await takeEarliest(transaction, { bucket, found, request });
    if (rows.length === 0) return { rows, isWhole: true };
    const updates = portionsOf(rows).map((portion) =>
      claim(
        bucket,
        portion.map(([id, , , , , , , claimBefore]) => [hexOf(id), claimBefore] as const),
        { owner: request.owner, until: request.leaseUntil },
      ),
    );
    const answers = await transaction.commit(...updates);
    return { rows, isWhole: answers.reduce((sum, { affected }) => sum + affected, 0) === rows.length };
  });
  const claimed = rows.map((row) => claimedOf(row, request)).sort(earliestFirst);
  return isWhole ? claimed : stillHeld(connections, bucket, claimed);
}

function walksOf({ horizonAt, expiredBy, limit }: ClaimRequest): Walk[] {
  const free: Walk = { held: 0, by: horizonAt, limit };
  return Number.isFinite(expiredBy) ? [free, { held: 1, by: expiredBy, limit }] : [free];
}

/** What the walks have found, the earliest first. */
function foundIn(walks: readonly Answer[]): Found[] {
  return walks
    .flatMap(({ rows }) => rows.map(([id, at, specBytes]) => ({ id, at, specBytes }) as unknown as Found))
    .sort((one, other) => one.at - other.at || Buffer.compare(one.id, other.id));
}

interface Taking {
  readonly bucket: number;
  readonly found: readonly Found[];
  readonly request: ClaimRequest;
}

/**
 * Locks the earliest timers, up to the request's limits. What others are claiming at the same time is passed over, and what comes behind it
 * is looked for instead, so that each of them gets a share. Nothing is locked but what is then claimed.
 */
async function takeEarliest(transaction: Transaction, { bucket, found, request }: Taking): Promise<TimerRow[]> {
  const taken: TimerRow[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let candidates = found;
  for (let round = 0; round < roundsMax; round++) {
    const limit = request.limit - taken.length;
    const wanted = earliest(candidates, { limit, bytesMax: request.bytesMax - bytes, isFirst: taken.length === 0 });
    const rows = await take(transaction, { bucket, found: wanted, request });
    taken.push(...rows);
    if (rows.length === wanted.length) break;
    bytes += bytesOfTaken(rows, wanted);
    for (const { id } of wanted) seen.add(id.toHex());
    const walks = walksOf({ ...request, limit: seen.size + limit }).map((walk) => findClaimable(bucket, walk));
    candidates = foundIn(await transaction.run(...walks)).filter(({ id }) => !seen.has(id.toHex()));
  }
  return taken;
}

/** So often a claim goes on to what is behind the timers that others are claiming. */
const roundsMax = 10;

interface Limits {
  readonly limit: number;
  readonly bytesMax: number;
  /** Whether nothing was taken yet: then one is, whatever its bytes. */
  readonly isFirst: boolean;
}

function earliest(found: readonly Found[], { limit, bytesMax, isFirst }: Limits): readonly Found[] {
  let bytes = 0;
  const end = found.findIndex(({ specBytes }, index) => {
    bytes += specBytes;
    return index >= limit || (bytes > bytesMax && !(isFirst && index === 0));
  });
  return end < 0 ? found : found.slice(0, end);
}

function bytesOfTaken(rows: readonly TimerRow[], wanted: readonly Found[]): number {
  const ids = new Set(rows.map(([id]) => hexOf(id)));
  return wanted.reduce((sum, { id, specBytes }) => sum + (ids.has(id.toHex()) ? specBytes : 0), 0);
}

/** Locks timers, as far as others have not, and gives those that are still to be claimed. */
async function take(transaction: Transaction, { bucket, found, request }: Taking): Promise<TimerRow[]> {
  const takes = portionsOf(found).map((portion) =>
    takeTimers(
      bucket,
      portion.map(({ id }) => id),
    ),
  );
  const answers = await transaction.run(...takes);
  return answers
    .flatMap(({ rows }) => rows)
    .map(timerRowOf)
    .filter((row) => isClaimable(row, request));
}

/** Whether the row is still to be claimed, now that it is locked. */
function isClaimable([, , , , , at, owner]: TimerRow, { horizonAt, expiredBy }: ClaimRequest): boolean {
  return at <= (owner === null ? horizonAt : expiredBy);
}

function claimedOf(row: TimerRow, { owner, leaseUntil }: ClaimRequest): Claimed {
  const before = decodeTimer(row);
  const timer: Timer = { ...before, claim: before.claim + 1, lease: { owner, until: leaseUntil } };
  return { timer, claimableAt: row[5], takenFrom: before.lease?.owner ?? null };
}

/**
 * Those that were really claimed. There are servers that take SKIP LOCKED and lock nothing (TiDB): on them a timer may have been claimed by
 * another between being read and being changed, which the statement has compared.
 */
async function stillHeld(connections: Connections, bucket: number, claimed: readonly Claimed[]): Promise<Claimed[]> {
  const looks = portionsOf(claimed).map((portion) =>
    findHolders(
      bucket,
      portion.map(({ timer }) => idToBytes(timer.id)),
    ),
  );
  const answers = await connections.look(...looks);
  const isHeld = holdersOf({ rows: answers.flatMap(({ rows }) => rows), affected: 0 });
  return claimed.filter(({ timer }) => isHeld({ id: timer.id, owner: timer.lease!.owner, claim: timer.claim }));
}
