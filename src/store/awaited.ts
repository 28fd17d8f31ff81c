import { isStoreOutage, PunctualError } from '../timer/errors.ts';
import type { Random } from '../timer/random.ts';
import type { Store } from './store.ts';
import { pause, type Timing } from './timing.ts';
import { wrapStore } from './wrap.ts';

export interface AwaitedStoreOptions<Opened extends Store> {
  /** Opens the store. Throws a PunctualError that says why it cannot be had; an outage may pass. */
  readonly open: () => Promise<Opened>;
  readonly clock: Timing;
  readonly random: Random;
  /** The longest pause between two tries, in milliseconds. */
  readonly pauseMsMax: number;
  /** So many tries may fail with an outage; Infinity for any number. */
  readonly triesMax: number;
  /** Told of each try that failed with an outage. */
  readonly onOutage: (error: PunctualError) => void;
}

const pauseMsMin = 100;

/** A store that may not be there yet: until it is open every verb is refused with `store_unavailable`, and it is tried again and again. */
export class AwaitedStore<Opened extends Store> {
  readonly store: Store;
  /** Resolves with the store once it is open. Rejects with what keeps it from ever being, or when it was tried often enough. */
  readonly opened: Promise<Opened>;
  /** Resolves when the database is there, or was tried once and goes on being tried; never where it is not to be had. */
  readonly tried: Promise<void>;
  readonly #options: AwaitedStoreOptions<Opened>;
  #inner: Opened | undefined;
  #fault: unknown = new PunctualError('store_unavailable', { message: 'the database is being connected to' });
  #closed = false;

  constructor(options: AwaitedStoreOptions<Opened>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.tried = promise;
    this.opened = this.#open(resolve);
    // Whoever awaits it learns what went wrong; it must not end the process where nobody does.
    this.opened.catch(() => undefined);
    this.store = {
      ...wrapStore(
        () => this.#current(),
        (_verb, call) => call,
      ),
      close: () => this.#close(),
    };
  }

  #current(): Opened {
    if (!this.#inner) throw this.#fault;
    return this.#inner;
  }

  async #open(onTried: () => void): Promise<Opened> {
    const { open, clock, random, pauseMsMax, triesMax, onOutage } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        const opened = await open();
        if (this.#closed) await opened.close();
        this.#inner = opened;
        onTried();
        return opened;
      } catch (error) {
        this.#fault = error;
        // A password that is wrong at the start will be wrong the next time.
        const passes = isStoreOutage(error) && !(error.code === 'store_denied' && tries === 1);
        if (!passes || tries >= triesMax || this.#closed) throw error;
        onOutage(error);
        onTried();
      }
      const bound = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(tries, 16));
      await pause(clock, bound / 2 + (random.fraction() * bound) / 2);
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#fault = new PunctualError('store_unavailable', { message: 'the store is closed' });
    await this.#inner?.close();
  }
}
