import { hash } from 'node:crypto';

/** As much of a shard as decides where keys live. */
export interface ShardPlace {
  readonly number: number;
  /** Takes no new timers. */
  readonly draining: boolean;
}

export interface Homes<T extends ShardPlace> {
  /** Where a timer with this key is stored; undefined where no shard takes new timers. */
  readonly home: T | undefined;
  /** Where one may have been stored before: when the list of shards was shorter, or before a shard in it was drained. */
  readonly earlier: readonly T[];
}

/**
 * The shard of an idempotency key, by rendezvous hashing: every shard has a score for every key, and the highest score among those that
 * take new timers wins. So a shard that is added takes its fair part of the keys from all others, and one that is drained gives its keys
 * to all others; nothing else moves.
 *
 * An earlier home is a shard that has won before: over some beginning of the list, with any of those that drain now taking part or not.
 * That is: no shard that takes new timers has a higher score in the list as it was when the shard was its last. `shards` is in order of
 * number; `shardsAtStart` is how many there were when the first key was used: the list never was shorter.
 */
export function homesOf<T extends ShardPlace>(
  { tenant, key }: { readonly tenant: string; readonly key: string },
  shards: readonly T[],
  shardsAtStart: number,
): Homes<T> {
  const scored = shards.map((shard) => ({ shard, score: scoreOf(shard.number, tenant, key) }));
  const taking = scored.filter(({ shard }) => !shard.draining);
  const best = (among: readonly Scored<T>[]) => among.reduce<Scored<T> | undefined>(higher, undefined);
  let beaten = best(taking.filter(({ shard }) => shard.number < shardsAtStart));
  const winners: T[] = [];
  for (const entry of scored) {
    if (!entry.shard.draining) beaten = higher(beaten, entry);
    if (!beaten || entry.score >= beaten.score) winners.push(entry.shard);
  }
  const home = best(taking)?.shard;
  return { home, earlier: winners.filter((shard) => shard !== home) };
}

interface Scored<T> {
  readonly shard: T;
  readonly score: string;
}

function higher<T>(one: Scored<T> | undefined, other: Scored<T>): Scored<T> {
  return one && one.score >= other.score ? one : other;
}

/** 64 bits of SHA-256 in hex: text of one length compares as the numbers do. Never to be changed: stored keys would not be found again. */
function scoreOf(shard: number, tenant: string, key: string): string {
  return hash('sha256', JSON.stringify([shard, tenant, key]), 'hex').slice(0, 16);
}
