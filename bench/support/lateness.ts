import { createHistogram } from 'node:perf_hooks';
import type { Calls } from './receiver.ts';

/** What became of timers, as the receiver saw it. Lateness is arrival minus due, in milliseconds. */
export interface LatenessReport {
  readonly timers: number;
  readonly lost: number;
  readonly twice: number;
  readonly early: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export function latenessReport(dueById: ReadonlyMap<string, number>, { ids, arrivals }: Calls): LatenessReport {
  const histogram = createHistogram();
  const seen = new Set<string>();
  let early = 0;
  let calls = 0;
  for (const [index, id] of ids.entries()) {
    const dueAt = dueById.get(id);
    if (dueAt === undefined) continue;
    const lateness = arrivals[index]! - dueAt;
    if (lateness < 0) early += 1;
    histogram.record(Math.max(0, lateness) + 1);
    seen.add(id);
    calls += 1;
  }
  const percentile = (percent: number) => histogram.percentile(percent) - 1;
  return {
    timers: dueById.size,
    lost: dueById.size - seen.size,
    twice: calls - seen.size,
    early,
    p50: percentile(50),
    p90: percentile(90),
    p99: percentile(99),
    max: histogram.max - 1,
  };
}
