import type { ControllerSeen, Counts, Page } from '../store.ts';
import { couldNotAnswer, type WatchedShard } from './watched-shard.ts';

/** What the shards that answered said, in order of number. */
export interface Answers<T> {
  readonly answers: readonly T[];
  /** The numbers of the others. */
  readonly missing: readonly number[];
}

/**
 * Asks every shard at the same time; those that are down or fail are missing. Throws where none answers, and what no outage explains.
 */
export async function askAll<T>(
  shards: readonly WatchedShard[],
  ask: (shard: WatchedShard) => Promise<T>,
): Promise<Answers<T>> {
  const asked = shards.map((shard) => (shard.answers ? ask(shard) : Promise.reject(shard.refusal())));
  const answers: T[] = [];
  const missing: number[] = [];
  const errors: unknown[] = [];
  for (const [index, outcome] of (await Promise.allSettled(asked)).entries()) {
    if (outcome.status === 'fulfilled') answers.push(outcome.value);
    else {
      missing.push(shards[index]!.number);
      errors.push(outcome.reason);
    }
  }
  const defect = errors.find((error) => !couldNotAnswer(error));
  if (defect !== undefined || answers.length === 0) throw defect ?? errors[0];
  return { answers, missing };
}

/**
 * One page of the pages that the shards gave for the same cursor. A shard that has more is known only down to its `next`: below the highest
 * of these the page would have holes, so that it ends there.
 */
export function mergePages({ answers, missing }: Answers<Page>, limit: number): Page {
  const floor = answers.reduce<Page['next']>(
    (highest, { next }) => (next !== null && (highest === null || next > highest) ? next : highest),
    null,
  );
  const known = answers
    .flatMap(({ timers }) => timers)
    .filter(({ id }) => floor === null || id >= floor)
    .sort((one, other) => (one.id < other.id ? 1 : -1));
  const timers = known.slice(0, limit);
  return { timers, next: known.length > limit ? timers.at(-1)!.id : floor, missing };
}

const summed = [
  'accepted',
  'waiting',
  'executing',
  'done',
  'failed',
  'cancelled',
  'uncertain',
  'purged',
  'overdue',
] as const;

/** The counts of all that answered together. */
export function sumCounts({ answers, missing }: Answers<Counts>): Counts {
  const sum = (name: (typeof summed)[number]) => answers.reduce((total, counts) => total + counts[name], 0);
  const sums = Object.fromEntries(summed.map((name) => [name, sum(name)])) as Record<(typeof summed)[number], number>;
  const oldest = answers.flatMap(({ oldestOverdueAt }) => oldestOverdueAt ?? []);
  return { ...sums, oldestOverdueAt: oldest.length > 0 ? Math.min(...oldest) : null, missing };
}

/** Each controller once, as the shard saw it that heard of it last; in order of `owner`. */
export function uniteControllers({ answers }: Answers<readonly ControllerSeen[]>): ControllerSeen[] {
  const byOwner = new Map<string, ControllerSeen>();
  for (const seen of answers.flat()) {
    const other = byOwner.get(seen.owner);
    if (!other || other.seenAt < seen.seenAt) byOwner.set(seen.owner, seen);
  }
  return [...byOwner.values()].sort((one, other) => (one.owner < other.owner ? -1 : 1));
}
