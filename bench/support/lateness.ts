import { createHistogram } from 'node:perf_hooks';
import type { Calls } from './receiver.ts';

/** What became of timers, as the receiver saw it. Lateness is arrival minus due, in milliseconds, to a tenth. */
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

/** A histogram holds whole numbers from 1: here tenths of a millisecond and one. */
const unitsPerMs = 10;

export function latenessReport(
  dueById: ReadonlyMap<string, number>,
  { ids, arrivals, steadyArrivals }: Calls,
): LatenessReport {
  const histogram = createHistogram();
  const seen = new Set<string>();
  let early = 0;
  let calls = 0;
  for (const [index, id] of ids.entries()) {
    const dueAt = dueById.get(id);
    if (dueAt === undefined) continue;
    if (arrivals[index]! < dueAt) early += 1;
    const lateness = steadyArrivals[index]! - dueAt;
    histogram.record(Math.max(0, Math.round(lateness * unitsPerMs)) + 1);
    seen.add(id);
    calls += 1;
  }
  const inMs = (units: number) => (units - 1) / unitsPerMs;
  return {
    timers: dueById.size,
    lost: dueById.size - seen.size,
    twice: calls - seen.size,
    early,
    p50: inMs(histogram.percentile(50)),
    p90: inMs(histogram.percentile(90)),
    p99: inMs(histogram.percentile(99)),
    max: inMs(histogram.max),
  };
}
