import { PunctualError } from '../timer/errors.ts';
import { bucketOf, type TimerId } from '../timer/id.ts';
import type { Claimed, ClaimRequest } from './store.ts';

// A database server's tables are cut into buckets, and each hot statement names one (design, section 9). What a verb is asked for all
// buckets is put together here.

/** An item of a verb's batch, and its place in it. */
export interface Placed<T> {
  readonly item: T;
  readonly place: number;
}

/** The items by the bucket of their timer, buckets in ascending order. */
export function byBucket<T extends { readonly id: TimerId }>(
  items: readonly T[],
  buckets: number,
): Map<number, Placed<T>[]> {
  const all = items.map((item, place) => ({ bucket: bucketOf(item.id, buckets), item, place }));
  const groups = Map.groupBy(all, ({ bucket }) => bucket);
  return new Map([...groups].sort(([one], [other]) => one - other));
}

/** As `byBucket`, and in each bucket by the timers' ids: so that two batches which have timers in common lock them in one order. */
export function byBucketAndId<T extends { readonly id: TimerId }>(
  items: readonly T[],
  buckets: number,
): Map<number, Placed<T>[]> {
  const groups = byBucket(items, buckets);
  for (const placed of groups.values()) placed.sort((one, other) => compareIds(one.item.id, other.item.id));
  return groups;
}

/**
 * Runs a verb bucket by bucket, and puts the results in the order of the items. Where a bucket's part fails after another's was done, the
 * verb as a whole is of unknown outcome.
 */
export async function inEachBucket<T extends { readonly id: TimerId }, R>(
  items: readonly T[],
  buckets: number,
  run: (bucket: number, items: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let done = 0;
  for (const [bucket, group] of byBucketAndId(items, buckets)) {
    const part = await run(
      bucket,
      group.map(({ item }) => item),
    ).catch((error: unknown) => {
      throw done > 0 ? partlyDone(error) : error;
    });
    for (const [index, { place }] of group.entries()) results[place] = part[index]!;
    done++;
  }
  return results;
}

/** What an outage means to a verb of which a part was done before: nothing may be concluded from it. */
export function partlyDone(error: unknown): unknown {
  if (!(error instanceof PunctualError)) return error;
  return new PunctualError('commit_unknown', { message: error.message, cause: error });
}

export interface ClaimAcross {
  readonly buckets: number;
  /** The bucket that gets the larger share first: another one each time, so that none is always last. */
  readonly first: number;
  /** Claims in one bucket, the earliest first. */
  readonly claim: (bucket: number, request: ClaimRequest) => Promise<Claimed[]>;
}

/**
 * A claim over all buckets: the limit is shared between them, and what some leave of it goes to those that have more. What was claimed
 * before a bucket fails is returned all the same: nobody else can send it for the length of a lease.
 */
export async function claimAcross(request: ClaimRequest, { buckets, first, claim }: ClaimAcross): Promise<Claimed[]> {
  if (buckets === 1) return claim(0, request);
  const claimed: Claimed[] = [];
  let failure: unknown;
  let asked = Array.from({ length: buckets }, (_, index) => (first + index) % buckets);
  for (let left = request.limit; left > 0 && asked.length > 0; left = request.limit - claimed.length) {
    const shares = asked.slice(0, left).map((bucket, index, all) => {
      const limit = Math.floor(left / all.length) + (index < left % all.length ? 1 : 0);
      return { bucket, limit, bytesMax: Math.floor(request.bytesMax / buckets) };
    });
    const parts = await Promise.allSettled(
      shares.map(({ bucket, ...share }) => claim(bucket, { ...request, ...share })),
    );
    const full = new Set<number>();
    for (const [index, part] of parts.entries()) {
      if (part.status === 'rejected') failure = part.reason;
      else {
        claimed.push(...part.value);
        if (part.value.length === shares[index]!.limit) full.add(shares[index]!.bucket);
      }
    }
    // Those that were not asked for want of a share are next.
    asked = [...asked.slice(shares.length), ...asked.slice(0, shares.length).filter((bucket) => full.has(bucket))];
  }
  if (claimed.length === 0 && failure !== undefined) throw failure;
  return claimed.sort(earliestFirst);
}

/** The order of a claim's timers. */
export function earliestFirst(one: Claimed, other: Claimed): number {
  return one.claimableAt - other.claimableAt || compareIds(one.timer.id, other.timer.id);
}

function compareIds(one: TimerId, other: TimerId): number {
  return one < other ? -1 : Number(one > other);
}
