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
/**
 * A store that has been slow, or has gone and come back, for this long will do so for ever, in milliseconds: what others left behind must
 * go on all the same.
 */
const unsteadyMsMax = 30_000;
/**
 * The longest pause before a write is tried again, in milliseconds. One write at a time waits here, which is no burden; and it must come
 * before the extend interval is over for which others leave its timers alone.
 */
const writePauseMsMax = 1_000;

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
  /** Since when it has come back again and again, never for long. */
  #flickersSince = Number.NEGATIVE_INFINITY;
  /** The calls under way, oldest first. */
  readonly #underWay = new Set<{ readonly since: number }>();
  /** The last stall, as far as calls have ended since. */
  #stall = { since: Number.NEGATIVE_INFINITY, until: Number.NEGATIVE_INFINITY };
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
    const call = { since: this.#parts.clock.monotonic() };
    this.#underWay.add(call);
    try {
      const result = await work();
      this.#watched(call.since, true);
      return result;
    } catch (error) {
      this.#watched(call.since, !isStoreOutage(error));
      throw error;
    } finally {
      this.#underWay.delete(call);
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
        await sleep(clock, Math.min(this.pauseMs(), writePauseMsMax), stopped);
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
   * may not get to write in time. Where that does not end, only what ran out a whole lease ago is taken over.
   */
  expiredBy(nowMs: number): number {
    const { clock, settings } = this.#parts;
    const now = clock.monotonic();
    const unsteadySince = this.#unsteadySince(now);
    if (unsteadySince === undefined) return nowMs;
    return now < unsteadySince + unsteadyMsMax ? Number.NEGATIVE_INFINITY : nowMs - settings.leaseMs;
  }

  /** Since when others may not have been able to write; undefined where they could for one extend interval. */
  #unsteadySince(now: number): number | undefined {
    const { extendAfterMs } = this.#parts.settings;
    // While it has not been back yet, nobody knows how long it will take.
    if (this.isDown) return this.#isSameAs(this.#upSince, now) ? this.#flickersSince : now;
    if (now < this.#upSince + extendAfterMs) return this.#flickersSince;
    const { since, until } = this.#stallUpTo(now);
    return now < until + extendAfterMs ? since : undefined;
  }

  /** Notes a call that has ended. One that failed says as much of the store as one that took long. */
  #watched(since: number, isAnswered: boolean): void {
    const now = this.#parts.clock.monotonic();
    if (!isAnswered || now >= since + stalledMs) this.#stall = this.#joined(since, now);
  }

  /** The last stall, of which the calls under way may be a part. */
  #stallUpTo(now: number): { readonly since: number; readonly until: number } {
    const oldest = this.#underWay.values().next().value;
    return oldest !== undefined && now >= oldest.since + stalledMs ? this.#joined(oldest.since, now) : this.#stall;
  }

  #joined(since: number, until: number): { readonly since: number; readonly until: number } {
    return { since: this.#isSameAs(this.#stall.until, since) ? this.#stall.since : since, until };
  }

  /** Whether what began at `since` is the same trouble as the one that ended before: nobody had much of an extend interval in between. */
  #isSameAs(endedAt: number, since: number): boolean {
    return since < endedAt + 2 * this.#parts.settings.extendAfterMs;
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
    const now = clock.monotonic();
    this.#failures = 0;
    if (!this.#isSameAs(this.#upSince, now)) this.#flickersSince = now;
    this.#upSince = now;
    observer.storeUp(now - this.#downSince);
  }
}
