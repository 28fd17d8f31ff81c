import type { TimerId } from '../timer/id.ts';
import type { Timer } from '../timer/timer.ts';
import { Batcher } from './batcher.ts';
import { byBucket } from './buckets.ts';
import type { Timing } from './timing.ts';

export interface LookupsOptions {
  readonly clock: Timing;
  readonly buckets: number;
  /** The timers of one bucket that have these ids, in any order; one statement, which sees one moment. */
  readonly read: (bucket: number, ids: readonly TimerId[]) => Promise<readonly Timer[]>;
}

/** Timers in one statement at most: it bounds what their bodies take. */
const batchMax = 100;
/** As long as for a connection. */
const waitMsMax = 5_000;

/**
 * Looks timers up by their ids. What is asked for while others are being read is read together: a server answers a statement for many of
 * them nearly as fast as for one. Each reads a moment after it was asked for.
 */
export class Lookups {
  readonly #options: LookupsOptions;
  readonly #asked: Batcher<TimerId, Timer | undefined>;

  constructor(options: LookupsOptions) {
    this.#options = options;
    this.#asked = new Batcher({
      run: (ids) => this.#readAll(ids),
      clock: options.clock,
      batchMax,
      // Bounded by the connections of those who ask.
      queuedMax: Number.POSITIVE_INFINITY,
      waitMsMax,
    });
  }

  /** Throws what `read` throws, or `overloaded`. */
  get(id: TimerId): Promise<Timer | undefined> {
    return this.#asked.add(id);
  }

  async #readAll(ids: readonly TimerId[]): Promise<(Timer | undefined)[]> {
    const { buckets, read } = this.#options;
    const groups = byBucket(
      [...new Set(ids)].map((id) => ({ id })),
      buckets,
    );
    const parts = Array.from(groups, ([bucket, group]) =>
      read(
        bucket,
        group.map(({ item }) => item.id),
      ),
    );
    const found = new Map((await Promise.all(parts)).flat().map((timer) => [timer.id, timer]));
    return ids.map((id) => found.get(id));
  }
}
