import { idToBytes } from '../../timer/id.ts';
import { byBucket, type Placed } from '../buckets.ts';
import type { Hold, HoldResult } from '../store.ts';
import type { Connections } from './connections.ts';
import { idOf, portionsOf, textOf } from './rows.ts';
import type { Answer } from './session.ts';
import { lockTimers } from './statements/holds.ts';

/** Holds of one bucket, as many as one statement takes. */
export interface HoldGroup<T extends Hold> {
  readonly bucket: number;
  readonly holds: readonly Placed<T>[];
}

export function groupsOf<T extends Hold>(holds: readonly T[], buckets: number): HoldGroup<T>[] {
  return [...byBucket(holds, buckets)].flatMap(([bucket, placed]) =>
    portionsOf(placed).map((portion) => ({ bucket, holds: portion })),
  );
}

/** The statement that locks the group's timers; `holdersOf` reads its answer. */
export function lockGroup<T extends Hold>({ bucket, holds }: HoldGroup<T>): string {
  return lockTimers(
    bucket,
    holds.map(({ item }) => idToBytes(item.id)),
  );
}

/** Tells of holds whether they hold, as the timers were when they were locked. */
export function holdersOf({ rows }: Answer): (hold: Hold) => boolean {
  const timers = new Map(rows.map(([id, owner, claim]) => [idOf(id), { owner, claim }] as const));
  return ({ id, owner, claim }) => {
    const timer = timers.get(id);
    return timer !== undefined && timer.owner !== null && textOf(timer.owner) === owner && timer.claim === claim;
  };
}

/**
 * A verb that changes timers which are still held: locks them, changes those whose owner and claim are as given, and commits, all in one
 * round trip. `update` gives the statement for holds of one owner.
 */
export async function underHolds<T extends Hold>(
  connections: Connections,
  { holds, buckets }: { holds: readonly T[]; buckets: number },
  update: (bucket: number, owner: string, holds: readonly T[]) => string,
): Promise<HoldResult[]> {
  const results = new Array<HoldResult>(holds.length).fill('lost');
  if (holds.length === 0) return results;
  const groups = groupsOf(holds, buckets);
  const locks = groups.map(lockGroup);
  const updates = groups.flatMap(({ bucket, holds: placed }) => {
    const owners = Map.groupBy(
      placed.map(({ item }) => item),
      ({ owner }) => owner,
    );
    return [...owners].map(([owner, held]) => update(bucket, owner, held));
  });
  const answers = await connections.transaction((transaction) => transaction.commit(...locks, ...updates));
  for (const [index, { holds: placed }] of groups.entries()) {
    const holds = holdersOf(answers[index]!);
    for (const { item, place } of placed) if (holds(item)) results[place] = 'applied';
  }
  return results;
}
