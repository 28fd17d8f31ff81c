import { idToBytes } from '../../timer/id.ts';
import type { Timer } from '../../timer/timer.ts';
import { claimAcross } from '../buckets.ts';
import { decodeTimer, type TimerRow } from '../rows.ts';
import type { Claimed, ClaimRequest } from '../store.ts';
import type { Connections } from './connections.ts';
import { holdersOf } from './holds.ts';
import { hexOf, portionsOf, timerRowOf } from './rows.ts';
import type { Answer } from './session.ts';
import { claim, findClaimable, findHolders, lockClaimable, takeTimers, type Walk } from './statements/claims.ts';
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
  const walks = walksOf(request);
  const found = earliest(await connections.look(...walks.map((walk) => findClaimable(bucket, walk))), request);
  if (found.length === 0) return [];
  const { rows, isWhole } = await connections.transaction(async (transaction) => {
    let rows = await take(transaction, { bucket, found, request });
    // Others are claiming the same: then what they have not locked is looked for again, so that each of them gets a share.
    if (rows.length < found.length) {
      const locked = await transaction.run(...walks.map((walk) => lockClaimable(bucket, walk)));
      rows = await take(transaction, { bucket, found: earliest(locked, request), request });
    }
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
  const claimed = rows.map((row) => claimedOf(row, request));
  return isWhole ? claimed : stillHeld(connections, bucket, claimed);
}

function walksOf({ horizonAt, expiredBy, limit }: ClaimRequest): Walk[] {
  const free: Walk = { held: 0, by: horizonAt, limit };
  return Number.isFinite(expiredBy) ? [free, { held: 1, by: expiredBy, limit }] : [free];
}

/** The earliest of all walks, up to the limit and the bytes, but at least one. */
function earliest(walks: readonly Answer[], { limit, bytesMax }: ClaimRequest): Found[] {
  const found = walks.flatMap(({ rows }) =>
    rows.map(([id, at, specBytes]) => ({ id, at, specBytes }) as unknown as Found),
  );
  found.sort((one, other) => one.at - other.at || Buffer.compare(one.id, other.id));
  let bytes = 0;
  const end = found.findIndex(({ specBytes }, index) => {
    bytes += specBytes;
    return index >= limit || (index > 0 && bytes > bytesMax);
  });
  return end < 0 ? found : found.slice(0, end);
}

interface Taking {
  readonly bucket: number;
  readonly found: readonly Found[];
  readonly request: ClaimRequest;
}

/** Locks timers, as far as others have not, and gives those that are still to be claimed; in the order given. */
async function take(transaction: Transaction, { bucket, found, request }: Taking): Promise<TimerRow[]> {
  const takes = portionsOf(found).map((portion) =>
    takeTimers(
      bucket,
      portion.map(({ id }) => id),
    ),
  );
  const answers = await transaction.run(...takes);
  const rows = new Map(answers.flatMap(({ rows }) => rows).map((row) => [(row[0] as Buffer).toHex(), row]));
  return found
    .flatMap(({ id }) => {
      const row = rows.get(id.toHex());
      return row ? [timerRowOf(row)] : [];
    })
    .filter((row) => isClaimable(row, request));
}

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
