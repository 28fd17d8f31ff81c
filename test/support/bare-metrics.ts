import { Metrics } from '../../src/telemetry/metrics.ts';

/** Metrics of a process in which nothing happens, whose store does not answer. */
export function bareMetrics(): Metrics {
  return new Metrics({
    counts: () => Promise.reject(new Error('not asked')),
    nowMs: () => 0,
    insertQueue: () => 0,
    held: () => 0,
    clockDoubtMs: () => 0,
    shards: () => [],
    lanes: () => [],
  });
}
