/** How lateness is spread, in milliseconds. */
export interface Lateness {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly histogram: readonly Bucket[];
}

/** How many timers were at least `fromMs` and less than `toMs` late. */
export interface Bucket {
  readonly fromMs: number;
  /** Infinity for the last. */
  readonly toMs: number;
  readonly count: number;
}

/** Each about twice the one before: what matters is whether it was 2 or 200 ms, not 200 or 202. */
const edgesMs = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, Infinity];

/** Undefined without values. What is below 0 within the doubt between two clocks counts as on time. */
export function latenessOf(valuesMs: readonly number[]): Lateness | undefined {
  if (valuesMs.length === 0) return undefined;
  const sorted = Float64Array.from(valuesMs, (ms) => Math.max(0, ms)).sort();
  const at = (percent: number) => sorted[Math.ceil((percent / 100) * sorted.length) - 1]!;
  return { p50: at(50), p90: at(90), p99: at(99), max: at(100), histogram: histogramOf(sorted) };
}

/** From the first bucket that has a value to the last. */
function histogramOf(sorted: Float64Array): Bucket[] {
  const buckets = edgesMs.slice(0, -1).map((fromMs, at) => ({ fromMs, toMs: edgesMs[at + 1]!, count: 0 }));
  for (const ms of sorted) buckets.find(({ toMs }) => ms < toMs)!.count += 1;
  const first = buckets.findIndex(({ count }) => count > 0);
  return buckets.slice(first, buckets.findLastIndex(({ count }) => count > 0) + 1);
}
