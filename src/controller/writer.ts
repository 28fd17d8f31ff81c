import type { Clock } from '../clock/clock.ts';
import { Batcher } from '../store/batcher.ts';
import type { HeldSettlement, Hold, HoldResult, Release, Store } from '../store/store.ts';
import { isStoreOutage } from '../timer/errors.ts';
import type { ControllerSettings } from './settings.ts';
import type { StoreHealth } from './store-health.ts';

export interface WriterParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly health: StoreHealth;
  readonly settings: Pick<ControllerSettings, 'batchMax'>;
}

/**
 * Everything that a controller writes under its leases, in batches. Settlements and releases go on until the store has them; what waits
 * is bounded by what the controller holds.
 */
export class Writer {
  readonly #settlements: Batcher<HeldSettlement, HoldResult>;
  readonly #releases: Batcher<Release, HoldResult>;
  readonly #begins: Batcher<Hold, HoldResult>;

  constructor({ store, clock, health, settings }: WriterParts) {
    const limits = {
      clock,
      batchMax: settings.batchMax,
      queuedMax: Number.POSITIVE_INFINITY,
      waitMsMax: Number.POSITIVE_INFINITY,
    };
    this.#settlements = new Batcher({ ...limits, run: (batch) => health.persist('settle', () => store.settle(batch)) });
    this.#releases = new Batcher({ ...limits, run: (batch) => health.persist('release', () => store.release(batch)) });
    this.#begins = new Batcher({ ...limits, run: (batch) => health.call('begin', () => store.begin(batch)) });
  }

  /** Writes what became of an attempt. Throws only for a write that the store refuses for good. */
  settle(settlement: HeldSettlement): Promise<HoldResult> {
    return this.#settlements.add(settlement);
  }

  /** Gives a timer back unsent. Throws as `settle`. */
  release(release: Release): Promise<HoldResult> {
    return this.#releases.add(release);
  }

  /** Marks a call as about to be sent. One try only: without the mark nothing is sent. */
  async begin(hold: Hold): Promise<boolean> {
    try {
      return (await this.#begins.add(hold)) === 'applied';
    } catch (error) {
      if (isStoreOutage(error)) return false;
      throw error;
    }
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    // While one was waited for, more may have come to the other.
    while (this.#settlements.isBusy || this.#releases.isBusy) {
      await Promise.all([this.#settlements.idle(), this.#releases.idle()]);
    }
  }
}
