import { PunctualError } from '../timer/errors.ts';
import type { Timing } from './timing.ts';

export interface BatcherOptions<T, R> {
  /** Does the work for a batch, in one commit; gives one result per item, in order. */
  readonly run: (items: readonly T[]) => Promise<R[]>;
  readonly clock: Timing;
  /** At most this many items travel together, unless one `addAll` brings more. */
  readonly batchMax: number;
  /** So many batches may be under way at the same time; 1 by default, so that what arrives meanwhile gathers. */
  readonly parallelMax?: number;
  /** At most this many items wait; more are refused. */
  readonly queuedMax: number;
  /** At most this many bytes wait, as `bytesOf` counts an item; without it bytes are not counted. */
  readonly queuedBytes?: { readonly max: number; readonly of: (item: T) => number };
  /** An item that has waited this long without being on its way is refused, in milliseconds. */
  readonly waitMsMax: number;
}

interface Entry<T, R> {
  readonly items: readonly T[];
  readonly bytes: number;
  readonly since: number;
  readonly resolve: (results: R[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what arrives in one turn of the event loop travels together, and while a batch is being committed, what arrives gathers
 * for the next. Nothing else is waited for. What is refused (`overloaded`) was never handed to `run`.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  #queue: Entry<T, R>[] = [];
  #queuedItems = 0;
  #queuedBytes = 0;
  #running = 0;
  #startsSoon = false;
  #whenIdle: (() => void)[] = [];
  #stopWatch: (() => void) | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** How many items wait, without those that are being committed. */
  get length(): number {
    return this.#queuedItems;
  }

  /** Resolves with the item's result once its batch is committed. Throws `overloaded`, or what `run` threw. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => this.#enqueue([item], ([result]) => resolve(result as R), reject));
  }

  /** As `add`, for items that must share one commit. */
  addAll(items: readonly T[]): Promise<R[]> {
    return new Promise((resolve, reject) => this.#enqueue(items, resolve, reject));
  }

  /** Whether anything waits or is being committed. */
  get isBusy(): boolean {
    return this.#running > 0 || this.#queue.length > 0;
  }

  /** Resolves when nothing waits or is being committed. */
  async idle(): Promise<void> {
    if (this.isBusy) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #enqueue(items: readonly T[], resolve: Entry<T, R>['resolve'], reject: Entry<T, R>['reject']): void {
    const { clock, queuedBytes } = this.#options;
    const bytes = queuedBytes ? items.reduce((sum, item) => sum + queuedBytes.of(item), 0) : 0;
    if (!this.#hasRoom(items.length, bytes)) {
      reject(new PunctualError('overloaded'));
      return;
    }
    this.#queue.push({ items, bytes, since: clock.monotonic(), resolve, reject });
    this.#queuedItems += items.length;
    this.#queuedBytes += bytes;
    this.#goOn();
    this.#watch();
  }

  /** An entry that is larger than the whole queue is taken when nothing else waits. */
  #hasRoom(items: number, bytes: number): boolean {
    if (this.#queue.length === 0) return true;
    const { queuedMax, queuedBytes } = this.#options;
    return (
      this.#queuedItems + items <= queuedMax &&
      this.#queuedBytes + bytes <= (queuedBytes?.max ?? Number.POSITIVE_INFINITY)
    );
  }

  /**
   * Starts what waits at the end of the event loop's turn. Were the first of several requests that were read together to go alone, the
   * others would wait for its commit.
   */
  #goOn(): void {
    if (this.#startsSoon || this.#running >= (this.#options.parallelMax ?? 1)) return;
    this.#startsSoon = true;
    setImmediate(() => {
      this.#startsSoon = false;
      if (this.#queue.length > 0) void this.#runBatch();
    });
  }

  async #runBatch(): Promise<void> {
    const batch = this.#takeBatch();
    this.#running++;
    if (this.#queue.length > 0) this.#goOn();
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
    this.#running--;
    if (this.#queue.length > 0) this.#goOn();
    else this.#tellWhenIdle();
  }

  #tellWhenIdle(): void {
    if (!this.isBusy) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #takeBatch(): Entry<T, R>[] {
    let entries = 0;
    let items = 0;
    for (const entry of this.#queue) {
      if (entries > 0 && items + entry.items.length > this.#options.batchMax) break;
      entries += 1;
      items += entry.items.length;
    }
    return this.#remove(entries);
  }

  #remove(entries: number): Entry<T, R>[] {
    const removed = this.#queue.splice(0, entries);
    for (const { items, bytes } of removed) {
      this.#queuedItems -= items.length;
      this.#queuedBytes -= bytes;
    }
    if (this.#queue.length === 0) this.#stopWatching();
    return removed;
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

  #stopWatching(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
  }

  #refuseOverdue(): void {
    const { clock, waitMsMax } = this.#options;
    const latest = clock.monotonic() - waitMsMax;
    const kept = this.#queue.findIndex((entry) => entry.since > latest);
    const overdue = this.#remove(kept < 0 ? this.#queue.length : kept);
    for (const entry of overdue) entry.reject(new PunctualError('overloaded'));
    this.#tellWhenIdle();
  }
}
