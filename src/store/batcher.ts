import { PunctualError } from '../timer/errors.ts';

/** As much of a Clock as a batcher needs; store/ does not import clock/. */
interface Timing {
  monotonic(): number;
  after(delayMs: number, run: () => void): () => void;
}

export interface BatcherOptions<T, R> {
  /** Does the work for a batch, in one commit; gives one result per item, in order. */
  readonly run: (items: readonly T[]) => Promise<R[]>;
  readonly clock: Timing;
  /** At most this many items travel together, unless one `addAll` brings more. */
  readonly batchMax: number;
  /** At most this many items wait; more are refused. */
  readonly queuedMax: number;
  /** An item that has waited this long without being on its way is refused, in milliseconds. */
  readonly waitMsMax: number;
}

interface Entry<T, R> {
  readonly items: readonly T[];
  readonly since: number;
  readonly resolve: (results: R[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: while one batch is being committed, what arrives gathers, and travels together in the next. Nothing waits while the store
 * is idle. What is refused (`overloaded`) was never handed to `run`.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #queue: Entry<T, R>[] = [];
  #queuedItems = 0;
  #running = false;
  #stopWatch: (() => void) | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** How many items wait, without those that are being committed. */
  get length(): number {
    return this.#queuedItems;
  }

  /** Resolves with the item's result once its batch is committed. Throws `overloaded`, or what `run` threw. */
  async add(item: T): Promise<R> {
    const [result] = await this.addAll([item]);
    return result as R;
  }

  /** As `add`, for items that must share one commit. */
  addAll(items: readonly T[]): Promise<R[]> {
    if (this.#queuedItems > 0 && this.#queuedItems + items.length > this.#options.queuedMax) {
      return Promise.reject(new PunctualError('overloaded'));
    }
    const done = new Promise<R[]>((resolve, reject) => {
      this.#queue.push({ items, since: this.#options.clock.monotonic(), resolve, reject });
    });
    this.#queuedItems += items.length;
    if (this.#running) this.#watch();
    else void this.#runAll();
    return done;
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      try {
        const results = await this.#options.run(batch.flatMap((entry) => entry.items));
        let at = 0;
        for (const entry of batch) {
          entry.resolve(results.slice(at, at + entry.items.length));
          at += entry.items.length;
        }
      } catch (error) {
        for (const entry of batch) entry.reject(error);
      }
    }
    this.#running = false;
  }

  #takeBatch(): Entry<T, R>[] {
    let entries = 0;
    let items = 0;
    for (const entry of this.#queue) {
      if (entries > 0 && items + entry.items.length > this.#options.batchMax) break;
      entries += 1;
      items += entry.items.length;
    }
    this.#queuedItems -= items;
    return this.#queue.splice(0, entries);
  }

  /** Refuses what has waited too long, also while a commit hangs. */
  #watch(): void {
    const oldest = this.#queue[0];
    if (this.#stopWatch || !oldest || this.#options.waitMsMax === Number.POSITIVE_INFINITY) return;
    const { clock, waitMsMax } = this.#options;
    this.#stopWatch = clock.after(oldest.since + waitMsMax - clock.monotonic(), () => {
      this.#stopWatch = undefined;
      this.#refuseOverdue();
      this.#watch();
    });
  }

  #refuseOverdue(): void {
    const { clock, waitMsMax } = this.#options;
    const latest = clock.monotonic() - waitMsMax;
    const kept = this.#queue.findIndex((entry) => entry.since > latest);
    const overdue = this.#queue.splice(0, kept < 0 ? this.#queue.length : kept);
    for (const entry of overdue) {
      this.#queuedItems -= entry.items.length;
      entry.reject(new PunctualError('overloaded'));
    }
  }
}
