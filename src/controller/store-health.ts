import { type Clock, sleep } from '../clock/clock.ts';
import { isStoreOutage } from '../timer/errors.ts';
import type { Random } from '../timer/random.ts';
import type { ControllerObserver } from './observer.ts';
import type { ControllerSettings } from './settings.ts';

/** After this many failures that are no outage, the same write is given up: something is wrong with the write itself. */
const defectsMax = 3;

export interface StoreHealthParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: ControllerObserver;
  readonly settings: Pick<ControllerSettings, 'outageMs' | 'outageMsMax' | 'extendAfterMs'>;
}

/** Knows whether the store answers, and carries writes that must not be forgotten through an outage. */
export class StoreHealth {
  readonly #parts: StoreHealthParts;
  #downSince: number | undefined;
  #upSince = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(parts: StoreHealthParts) {
    this.#parts = parts;
  }

  get isDown(): boolean {
    return this.#downSince !== undefined;
  }

  /** Calls the store and takes note of how that went. Throws what `work` throws. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#succeeded();
      return result;
    } catch (error) {
      if (isStoreOutage(error)) this.#failed(error);
      else this.#parts.observer.failed(error);
      throw error;
    }
  }

  /** Calls the store again and again until it answers. Throws only for what is no outage, after some tries. */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    for (let defects = 0; ; ) {
      try {
        return await this.call(work);
      } catch (error) {
        if (!isStoreOutage(error)) defects += 1;
        if (defects >= defectsMax) throw error;
        await sleep(this.#parts.clock, this.pauseMs());
      }
    }
  }

  /** How long to wait before the store is asked again: exponential with jitter. */
  pauseMs(): number {
    const { random, settings } = this.#parts;
    const bound = Math.min(settings.outageMsMax, settings.outageMs * 2 ** Math.min(this.#failures, 16));
    return bound / 2 + (random.fraction() * bound) / 2;
  }

  /**
   * Until when a lease must have run out to be taken over. After an outage nobody could extend anything: for one extend interval
   * no lease is taken over, so that those who are still at work can say so.
   */
  expiredBy(nowMs: number): number {
    const { clock, settings } = this.#parts;
    const tooSoon = this.isDown || clock.monotonic() < this.#upSince + settings.extendAfterMs;
    return tooSoon ? Number.NEGATIVE_INFINITY : nowMs;
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    if (this.#downSince !== undefined) return;
    this.#downSince = this.#parts.clock.monotonic();
    this.#parts.observer.storeDown(error);
  }

  #succeeded(): void {
    this.#failures = 0;
    if (this.#downSince === undefined) return;
    const now = this.#parts.clock.monotonic();
    const downMs = now - this.#downSince;
    this.#downSince = undefined;
    this.#upSince = now;
    this.#parts.observer.storeUp(downMs);
  }
}
