import type { Call } from '../../support/checker/evidence.ts';
import type { AcceptedById } from '../../support/load.ts';
import { percentilesOf } from '../../support/percentiles.ts';

/** The arrival of each timer's first call minus its due time, in milliseconds. */
export function latenessOf(
  accepted: AcceptedById,
  calls: readonly Pick<Call, 'id' | 'arrivedAt'>[],
): Map<string, number> {
  const lateness = new Map<string, number>();
  for (const { id, arrivedAt } of calls) {
    const dueAt = accepted.get(id)?.dueAt;
    if (dueAt !== undefined && !lateness.has(id)) lateness.set(id, arrivedAt - dueAt);
  }
  return lateness;
}

export interface LatenessFigures {
  readonly latenessMsP50: number;
  readonly latenessMsP99: number;
  readonly latenessMsMax: number;
}

/** How lateness is spread over all timers. */
export function latenessFigures(latenessById: ReadonlyMap<string, number>): LatenessFigures {
  const { p50, p99, max } = percentilesOf([...latenessById.values()]);
  return { latenessMsP50: p50, latenessMsP99: p99, latenessMsMax: max };
}

/** The same for the timers of each second of due times, counted from the second in which the first was due. */
export function latenessBySecond(accepted: AcceptedById, latenessById: ReadonlyMap<string, number>) {
  const seconds = Map.groupBy(latenessById, ([id]) => Math.floor(accepted.get(id)!.dueAt / 1_000));
  const first = Math.min(...seconds.keys());
  return [...seconds]
    .toSorted(([a], [b]) => a - b)
    .map(([second, timers]) => ({
      second: second - first,
      timers: timers.length,
      ...percentilesOf(timers.map(([, ms]) => ms)),
    }));
}
