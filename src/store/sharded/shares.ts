import { specBytes } from '../../timer/spec-bytes.ts';
import { earliestFirst } from '../buckets.ts';
import type { Claimed, ClaimRequest } from '../store.ts';
import { couldNotAnswer, type WatchedShard } from './watched-shard.ts';

/** `total` in `count` whole shares that differ by one at most; the larger ones begin at `first`, and go round. */
export function sharesOf(total: number, count: number, first: number): number[] {
  const rest = total % count;
  return Array.from({ length: count }, (_, index) => {
    const isLarger = (((index - first) % count) + count) % count < rest;
    return Math.floor(total / count) + (isLarger ? 1 : 0);
  });
}

/** How much a shard gave of its share, and whether there may be more. */
interface Given {
  readonly count: number;
  readonly full: boolean;
}

interface Sharing {
  readonly shards: readonly WatchedShard[];
  readonly limit: number;
  /** Which shard has the first of the larger shares. */
  readonly first: number;
  /** Takes at most `share` from the shard, while `among` shards are asked. */
  readonly take: (shard: WatchedShard, share: number, among: number) => Promise<Given>;
  /** Whether nothing more is wanted, though the limit would allow it. */
  readonly enough?: () => boolean;
}

/**
 * Takes from all shards at the same time up to a limit that they share: what one leaves of its share goes to those that came full, round by
 * round. A shard that is down or fails is left out. Returns how much was taken. Throws where all fail, and where nothing was taken and
 * something failed that no outage explains.
 */
async function takeShared({ shards, limit, first, take, enough = () => false }: Sharing): Promise<number> {
  const errors: unknown[] = shards.filter(({ answers }) => !answers).map((shard) => shard.refusal());
  let asked = shards.filter(({ answers }) => answers);
  let left = limit;
  while (asked.length > 0 && left > 0 && !enough()) {
    const shares = sharesOf(left, asked.length, first);
    const among = asked.length;
    const given = await Promise.all(
      asked.map(async (shard, index): Promise<Given> => {
        // A shard that has no share this time may have much all the same.
        if (shares[index] === 0) return { count: 0, full: true };
        return take(shard, shares[index]!, among).catch((error) => {
          errors.push(error);
          return { count: 0, full: false };
        });
      }),
    );
    left -= given.reduce((sum, { count }) => sum + count, 0);
    asked = asked.filter((_shard, index) => given[index]!.full);
  }
  if (left < limit) return limit - left;
  const defect = errors.find((error) => !couldNotAnswer(error));
  if (defect !== undefined || errors.length === shards.length) throw defect ?? errors[0];
  return 0;
}

/**
 * Claims from all shards. Of the bytes each shard has its share too, but gives one timer at least: together they may be more than asked for
 * by a timer of each shard.
 */
export async function claimShared(
  shards: readonly WatchedShard[],
  request: ClaimRequest,
  first: number,
): Promise<Claimed[]> {
  const claimed: Claimed[] = [];
  let bytesLeft = request.bytesMax;
  let largest = 0;
  await takeShared({
    shards,
    limit: request.limit,
    first,
    // The next timer is taken to be about as large as the largest so far: one that would not fit is not asked for.
    enough: () => claimed.length > 0 && bytesLeft < largest,
    async take(shard, limit, among) {
      const bytesMax = Math.floor(bytesLeft / among);
      const given = await shard.call('claim', (store) => store.claim({ ...request, limit, bytesMax }));
      const sizes = given.map(({ timer }) => specBytes(timer.spec));
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      claimed.push(...given);
      bytesLeft -= bytes;
      largest = Math.max(largest, ...sizes);
      return { count: given.length, full: given.length === limit || bytes + largest > bytesMax };
    },
  });
  return claimed.sort(earliestFirst);
}

/** Purges all shards, at most `limit` timers in all. */
export function purgeShared(
  shards: readonly WatchedShard[],
  { endedBefore, limit }: { readonly endedBefore: number; readonly limit: number },
  first: number,
): Promise<number> {
  return takeShared({
    shards,
    limit,
    first,
    async take(shard, share) {
      const count = await shard.call('purge', (store) => store.purge({ endedBefore, limit: share }));
      return { count, full: count === share };
    },
  });
}
