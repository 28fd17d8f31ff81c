import { PunctualError } from '../timer/errors.ts';
import { bucketOf, type TimerId } from '../timer/id.ts';
import type { Timer } from '../timer/timer.ts';
import { Batcher } from './batcher.ts';
import { decodeTimer, type TimerRow } from './rows.ts';
import type { Timing } from './timing.ts';

export interface LookupsOptions {
  readonly clock: Timing;
  readonly buckets: number;
  /** The largest body of a timer, in bytes; 256 KiB by default. */
  readonly bodyBytesMax?: number;
  /** The rows of one bucket that have these ids, in any order; one statement, which sees one moment. */
  readonly read: (bucket: number, ids: readonly TimerId[]) => Promise<readonly TimerRow[]>;
}

/** So many timers in one statement at most, and so many bytes of bodies. */
const idsMax = 32;
const bytesMax = 8 * 1024 * 1024;
/** Statements under way for each bucket: one that hangs with its connection must not stop the others. */
const parallelMax = 4;
/** As long as for a connection. */
const waitMsMax = 5_000;

/**
 * Looks timers up by their ids. Those that are asked for at the same moment are read together: a server answers a statement for many of them
 * nearly as fast as for one. Each is read after it was asked for.
 */
export class Lookups {
  /** By bucket, so that one which fails does so alone. */
  readonly #asked: readonly Batcher<TimerId, TimerRow | undefined>[];
  #closed = false;

  constructor({ clock, buckets, bodyBytesMax = 256 * 1024, read }: LookupsOptions) {
    const batchMax = Math.max(1, Math.min(idsMax, Math.floor(bytesMax / bodyBytesMax)));
    // What waits is bounded by the connections of those who ask.
    const limits = { clock, batchMax, parallelMax, queuedMax: Number.POSITIVE_INFINITY, waitMsMax };
    this.#asked = Array.from({ length: buckets }, (_, bucket) => {
      return new Batcher({ ...limits, run: (ids) => inOrder(ids, (distinct) => read(bucket, distinct)) });
    });
  }

  /** Throws what `read` throws, or `store_unavailable` where the reads before it have taken too long. */
  async get(id: TimerId): Promise<Timer | undefined> {
    if (this.#closed) throw unavailable('the store is closed');
    const row = await this.#asked[bucketOf(id, this.#asked.length)]!.add(id).catch((error: unknown) => {
      if (!(error instanceof PunctualError) || error.code !== 'overloaded') throw error;
      throw unavailable(`the database has not answered the reads before this one for ${waitMsMax / 1_000} s`);
    });
    // Here, so that a row which cannot be understood fails nobody else.
    return row && decodeTimer(row);
  }

  /** Waits for what was asked before. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#asked.map((bucket) => bucket.idle()));
  }
}

async function inOrder(
  ids: readonly TimerId[],
  read: (ids: readonly TimerId[]) => Promise<readonly TimerRow[]>,
): Promise<(TimerRow | undefined)[]> {
  const rows = await read([...new Set(ids)]);
  const byId = new Map(rows.map((row) => [row[0], row]));
  return ids.map((id) => byId.get(id));
}

function unavailable(message: string): PunctualError {
  return new PunctualError('store_unavailable', { message });
}
