import { median } from '../support/percentiles.ts';

/** What the process held at one moment. */
export interface MemorySample {
  /** Of its JavaScript heap, garbage included. */
  readonly heapMb: number;
  /** Of everything. */
  readonly residentMb: number;
}

/** Two stretches of a run, the first after it has warmed up. */
export interface Growth {
  readonly before: MemorySample;
  readonly after: MemorySample;
}

/**
 * A process that answers its first requests compiles code, opens connections and fills caches that have bounds; and its heap goes up and
 * down between collections. So the first half of a run is not judged, and medians of many samples are compared: of the third quarter with
 * the last one. What is left between is a leak when it is more than this, which sound runs stay far below: in a run of 200,000 requests some
 * 300 bytes of the heap for each.
 */
const growthMbMax: MemorySample = { heapMb: 16, residentMb: 48 };
/** A run with fewer is too short to have warmed up by its half. */
const samplesMin = 100;

/** Undefined where there are too few samples to tell. */
export function growthOf(samples: readonly MemorySample[]): Growth | undefined {
  if (samples.length < samplesMin) return undefined;
  const quarter = Math.floor(samples.length / 4);
  const stretch = (from: number, to?: number): MemorySample => {
    const part = samples.slice(from, to);
    return {
      heapMb: Math.round(median(part.map(({ heapMb }) => heapMb))),
      residentMb: Math.round(median(part.map(({ residentMb }) => residentMb))),
    };
  };
  return { before: stretch(-2 * quarter, -quarter), after: stretch(-quarter) };
}

export function growthFaults({ before, after }: Growth): string[] {
  const names = ['heapMb', 'residentMb'] as const;
  return names.flatMap((name) => {
    const grown = after[name] - before[name];
    return grown > growthMbMax[name]
      ? [`memory grows: ${name} from ${before[name]} to ${after[name]} in the last quarter of the run`]
      : [];
  });
}
