import { isStoreOutage, PunctualError } from '../../timer/errors.ts';
import type { Random } from '../../timer/random.ts';
import type { Store } from '../store.ts';
import type { Timing } from '../timing.ts';

/** What people see of a shard. */
export interface ShardState {
  readonly number: number;
  readonly up: boolean;
  /** It takes no new timers. */
  readonly draining: boolean;
  /** For how long it has been down, in milliseconds; absent while it is up. */
  readonly downForMs?: number;
}

export interface Watching {
  readonly clock: Timing;
  readonly random: Random;
  /** A shard that has not answered a short question after this time counts as down, in milliseconds. */
  readonly answerMsMax: number;
  /** Told when a shard goes down, with what it threw, and when it is up again. */
  readonly onHealth?: (state: ShardState, error: unknown) => void;
}

/** About so often a shard that is down is asked whether it is there again, in milliseconds. */
const probeEveryMs = 1_000;

interface Down {
  readonly since: number;
  readonly error: PunctualError;
  /** From when on a full shard is given new timers again, to see whether it takes them. */
  readonly tryInsertAt: number;
}

/**
 * A shard, and whether it is up: an outage in any call marks it down, the next success marks it up, and while it is down it is asked for the
 * time now and then. A shard that is full answers all the same: it is down for new timers only, until it takes some.
 */
export class WatchedShard {
  readonly number: number;
  readonly store: Store;
  readonly draining: boolean;
  readonly #watching: Watching;
  #down: Down | undefined;
  #probing = false;
  #stopWaiting: (() => void) | undefined;
  #closed = false;

  constructor({ number, store, draining }: { number: number; store: Store; draining: boolean }, watching: Watching) {
    this.number = number;
    this.store = store;
    this.draining = draining;
    this.#watching = watching;
  }

  get state(): ShardState {
    const { number, draining } = this;
    if (!this.#down) return { number, up: true, draining };
    return { number, up: false, draining, downForMs: this.#watching.clock.monotonic() - this.#down.since };
  }

  /** Whether it makes sense to ask it something. */
  get answers(): boolean {
    return !this.#down || this.#isFull;
  }

  /** Whether timers that may live anywhere should be stored here. */
  get takesNew(): boolean {
    if (this.draining) return false;
    return !this.#down || (this.#isFull && this.#watching.clock.monotonic() >= this.#down.tryInsertAt);
  }

  /** Calls a verb of the store and takes note of how that went. Throws what it throws. */
  async call<T>(verb: keyof Store, work: (store: Store) => Promise<T>): Promise<T> {
    if (verb === 'insert' && this.#down) this.#down = { ...this.#down, tryInsertAt: this.#tryInsertAt() };
    try {
      const result = await work(this.store);
      if (!this.#isFull || verb === 'insert') this.#markUp();
      return result;
    } catch (error) {
      if (isStoreOutage(error)) this.#markDown(error);
      // A queue that does not move may stand before a database that hangs.
      else if (verb === 'insert' && isOverload(error)) this.#probeIn(this.#pauseMs());
      throw error;
    }
  }

  /** As `call`, for short questions: one that has no answer in time fails, and the shard is down until it does answer. */
  async ask<T>(verb: keyof Store, work: (store: Store) => Promise<T>): Promise<T> {
    const { clock, answerMsMax } = this.#watching;
    const late = Promise.withResolvers<never>();
    const stop = clock.after(answerMsMax, () => {
      const error = new PunctualError('store_unavailable', { message: `Shard ${this.number} did not answer in time.` });
      this.#markDown(error);
      late.reject(error);
    });
    try {
      return await Promise.race([this.call(verb, work), late.promise]);
    } finally {
      stop();
    }
  }

  /** Why it is not asked while it is down: nothing was done. */
  refusal(): PunctualError {
    return new PunctualError('store_unavailable', {
      message: `Shard ${this.number} does not answer; nothing was stored or changed there.`,
      cause: this.#down?.error,
    });
  }

  /** Closes the store; it is not asked any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopProbes();
    await this.store.close();
  }

  get #isFull(): boolean {
    return this.#down?.error.code === 'store_full';
  }

  #tryInsertAt(): number {
    return this.#watching.clock.monotonic() + probeEveryMs;
  }

  #markUp(): void {
    if (!this.#down) return;
    this.#down = undefined;
    this.#stopProbes();
    this.#watching.onHealth?.(this.state, undefined);
  }

  #markDown(error: PunctualError): void {
    if (this.#closed) return;
    const since = this.#down?.since ?? this.#watching.clock.monotonic();
    const wasUp = !this.#down;
    this.#down = { since, error, tryInsertAt: this.#tryInsertAt() };
    if (wasUp) this.#watching.onHealth?.(this.state, error);
    // At once the first time: what was a moment's fault is over by then.
    this.#probeIn(wasUp ? 0 : this.#pauseMs());
  }

  #probeIn(delayMs: number): void {
    if (this.#closed || this.#isFull || this.#stopWaiting) return;
    this.#stopWaiting = this.#watching.clock.after(delayMs, () => {
      this.#stopWaiting = undefined;
      void this.#probe();
    });
  }

  /** One at a time: a database that hangs is not buried under questions. */
  async #probe(): Promise<void> {
    if (this.#closed || this.#probing) return;
    this.#probing = true;
    try {
      await this.ask('time', (store) => store.time());
    } catch {
      // Noted by `ask`.
    }
    this.#probing = false;
    if (this.#down) this.#probeIn(this.#pauseMs());
  }

  #stopProbes(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  /** Not in step with other processes. */
  #pauseMs(): number {
    return probeEveryMs * (0.75 + this.#watching.random.fraction() / 2);
  }
}

function isOverload(error: unknown): error is PunctualError {
  return error instanceof PunctualError && error.code === 'overloaded';
}

/** Whether the error is the shard's weather, not a defect: others may answer for it. */
export function couldNotAnswer(error: unknown): error is PunctualError {
  return isStoreOutage(error) || isOverload(error);
}
