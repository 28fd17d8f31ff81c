import { idToBytes } from '../../timer/id.ts';
import { byBucketAndId, type Placed, partlyDone } from '../buckets.ts';
import type { Hold, HoldResult } from '../store.ts';
import type { Connections } from './connections.ts';
import { idOf, portionsOf, textOf } from './rows.ts';
import type { Answer } from './session.ts';
import { lockTimers } from './statements/holds.ts';

/** Holds of one bucket, as many as one statement takes, in the order of their ids. */
interface HoldGroup<T extends Hold> {
  readonly bucket: number;
  readonly holds: readonly Placed<T>[];
}

function groupsOf<T extends Hold>(holds: readonly T[], buckets: number): HoldGroup<T>[] {
  return [...byBucketAndId(holds, buckets)].flatMap(([bucket, placed]) =>
    portionsOf(placed).map((portion) => ({ bucket, holds: portion })),
  );
}

/** The statement that locks the group's timers; `holdersOf` reads its answer. */
function lockGroup<T extends Hold>({ bucket, holds }: HoldGroup<T>): string {
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

/** The statement by which a verb changes holds of one owner in one bucket; it meets those whose owner and claim are as given. */
type UpdateOf<T extends Hold> = (bucket: number, owner: string, holds: readonly T[]) => string;

/**
 * A verb that may be done twice, and changes timers which are still held: so are nearly always all of them, which the number of rows that
 * were met tells. Where some are not, it is done once more, looking which. One that was met may be `lost` by then, where its lease ran out in
 * between: its mark stands, which the firer reckons with.
 */
export async function repeatableUnderHolds<T extends Hold>(
  connections: Connections,
  { holds, buckets }: { holds: readonly T[]; buckets: number },
  update: UpdateOf<T>,
): Promise<HoldResult[]> {
  if (holds.length === 0) return [];
  const updates = updatesOf(groupsOf(holds, buckets), update);
  const answers = await connections.transaction((transaction) => transaction.commit(...updates));
  const met = answers.reduce((sum, { affected }) => sum + affected, 0);
  if (met === holds.length) return holds.map(() => 'applied');
  return underHolds(connections, { holds, buckets }, update).catch((error: unknown) => {
    throw partlyDone(error);
  });
}

/**
 * A verb that changes timers which are still held: locks them, changes those whose owner and claim are as given, and commits, all in one
 * round trip.
 */
export async function underHolds<T extends Hold>(
  connections: Connections,
  { holds, buckets }: { holds: readonly T[]; buckets: number },
  update: UpdateOf<T>,
): Promise<HoldResult[]> {
  const results = new Array<HoldResult>(holds.length).fill('lost');
  if (holds.length === 0) return results;
  const groups = groupsOf(holds, buckets);
  const statements = [...groups.map(lockGroup), ...updatesOf(groups, update)];
  const answers = await connections.transaction((transaction) => transaction.commit(...statements));
  for (const [index, { holds: placed }] of groups.entries()) {
    const holds = holdersOf(answers[index]!);
    for (const { item, place } of placed) if (holds(item)) results[place] = 'applied';
  }
  return results;
}

function updatesOf<T extends Hold>(groups: readonly HoldGroup<T>[], update: UpdateOf<T>): string[] {
  return groups.flatMap(({ bucket, holds }) => {
    const owners = Map.groupBy(
      holds.map(({ item }) => item),
      ({ owner }) => owner,
    );
    return [...owners].map(([owner, held]) => update(bucket, owner, held));
  });
}
