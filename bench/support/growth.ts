/** What was seen while one part of the timers passed through. */
export interface Passage {
  /** The mean time of a claim. */
  readonly claimMs: number;
  readonly tableMb: number;
  readonly indexesMb: number;
  /** So far; null where the server has no such thing. */
  readonly vacuums: number | null;
}

/** Less than this may be chance. */
const growthMax = 1.5;

/**
 * Whether claims became slower, or the table larger, with what had passed through. Between two vacuums of PostgreSQL, which are a minute
 * apart or more, both grow with the dead rows: that is compared after the first vacuum, when both must be back where they were.
 * `judged` is false where there was none yet.
 */
export function judgeGrowth(parts: readonly Passage[]): {
  readonly judged: boolean;
  readonly faults: readonly string[];
} {
  const settledFrom = parts.findIndex(({ vacuums }, at) => (vacuums === null ? at >= parts.length / 2 : vacuums > 0));
  if (settledFrom < 0) return { judged: false, faults: [] };
  const settled = parts.slice(settledFrom);
  const first = parts[0]!.claimMs;
  const lowest = Math.min(...settled.map(({ claimMs }) => claimMs));
  const [sizeThen, sizeAtEnd] = [settled[0]!, settled.at(-1)!].map(({ tableMb, indexesMb }) => tableMb + indexesMb) as [
    number,
    number,
  ];
  const faults: string[] = [];
  if (!(lowest <= growthMax * first))
    faults.push(`a claim took ${first} ms at first, and later never less than ${lowest} ms`);
  if (!(sizeAtEnd <= growthMax * sizeThen))
    faults.push(`timers and its indexes grew from ${Math.round(sizeThen)} to ${Math.round(sizeAtEnd)} MB`);
  return { judged: true, faults };
}
