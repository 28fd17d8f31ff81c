import { type Clock, sleep } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import { isStoreOutage } from '../timer/errors.ts';
import type { Random } from '../timer/random.ts';
import type { ControllerObserver } from './observer.ts';
import type { ControllerSettings } from './settings.ts';

/** After this many failures that are no outage, the same write is given up: something is wrong with the write itself. */
const defectsMax = 3;
/** When a call takes this long, in milliseconds, others may be waiting to write what they know, or to extend their leases. */
const stalledMs = 1_000;

export interface StoreHealthParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: ControllerObserver;
  readonly settings: Pick<ControllerSettings, 'outageMs' | 'outageMsMax' | 'extendAfterMs' | 'leaseMs'>;
  /** When it is aborted, no write is tried again. */
  readonly stopped: AbortSignal;
}

/** Knows whether the store answers, and carries writes that must not be forgotten through an outage. */
export class StoreHealth {
  readonly #parts: StoreHealthParts;
  /** Verbs whose last call failed, and when: a disk that is full still answers some. */
  readonly #failing = new Map<keyof Store, number>();
  #downSince = 0;
  #upSince = Number.NEGATIVE_INFINITY;
  /** The calls under way, oldest first. */
  readonly #underWay = new Set<{ readonly since: number }>();
  #stalledUntil = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(parts: StoreHealthParts) {
    this.#parts = parts;
  }

  get isDown(): boolean {
    return this.#failing.size > 0;
  }

  /** Calls a verb of the store and takes note of how that went. Throws what `work` throws. */
  async call<T>(verb: keyof Store, work: () => Promise<T>): Promise<T> {
    try {
      const result = await this.watch(work);
      this.#succeeded(verb);
      return result;
    } catch (error) {
      this.#failed(verb, error);
      throw error;
    }
  }

  /** Does what may fail without telling of an outage, and takes note of how long the store takes. Throws what `work` throws. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#parts;
    const call = { since: clock.monotonic() };
    this.#underWay.add(call);
    try {
      return await work();
    } finally {
      this.#underWay.delete(call);
      const now = clock.monotonic();
      if (now >= call.since + stalledMs) this.#stalledUntil = now;
    }
  }

  /** As `call`, again and again until the store answers. Throws only for what is no outage, after some tries, or when all is stopped. */
  async persist<T>(verb: keyof Store, work: () => Promise<T>): Promise<T> {
    const { clock, stopped } = this.#parts;
    for (let defects = 0; ; ) {
      try {
        return await this.call(verb, work);
      } catch (error) {
        if (!isStoreOutage(error)) defects += 1;
        if (defects >= defectsMax || stopped.aborted) throw error;
        await sleep(clock, this.pauseMs(), stopped);
      }
    }
  }

  /** Nothing is left to ask of this verb: that it failed says nothing any more, while others tell that the store is there. */
  forget(verb: keyof Store): void {
    if (this.#failing.delete(verb) && !this.isDown) this.#cameBack();
  }

  /** How long to wait before the store is asked again: exponential with jitter. */
  pauseMs(): number {
    const { random, settings } = this.#parts;
    const bound = Math.min(settings.outageMsMax, settings.outageMs * 2 ** Math.min(this.#failures, 16));
    return bound / 2 + (random.fraction() * bound) / 2;
  }

  /**
   * Until when a lease must have run out to be taken over. After an outage nobody could extend anything: for one extend interval
   * no lease is taken over, so that those who are still at work can say so. Likewise beside a store that answers, but so late that they
   * may not get to write in time; only what ran out a whole lease ago is taken over then, since a store may be slow for ever.
   */
  expiredBy(nowMs: number): number {
    const { clock, settings } = this.#parts;
    const now = clock.monotonic();
    if (this.isDown || now < this.#upSince + settings.extendAfterMs) return Number.NEGATIVE_INFINITY;
    const oldest = this.#underWay.values().next().value;
    const isStalled = oldest !== undefined && now >= oldest.since + stalledMs;
    return isStalled || now < this.#stalledUntil + settings.extendAfterMs ? nowMs - settings.leaseMs : nowMs;
  }

  #failed(verb: keyof Store, error: unknown): void {
    const { clock, observer } = this.#parts;
    this.#failures += 1;
    const now = clock.monotonic();
    if (!this.isDown) {
      this.#downSince = now;
      observer.storeDown(error);
    }
    this.#failing.set(verb, now);
  }

  #succeeded(verb: keyof Store): void {
    if (!this.isDown) return;
    const { clock, settings } = this.#parts;
    const now = clock.monotonic();
    this.#failing.delete(verb);
    // A write that still fails has been tried again since. A verb that nobody has asked for since says nothing any more.
    for (const [other, failedAt] of this.#failing) {
      if (failedAt < now - 2 * settings.outageMsMax) this.#failing.delete(other);
    }
    if (!this.isDown) this.#cameBack();
  }

  #cameBack(): void {
    const { clock, observer } = this.#parts;
    this.#failures = 0;
    this.#upSince = clock.monotonic();
    observer.storeUp(this.#upSince - this.#downSince);
  }
}
