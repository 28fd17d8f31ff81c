import { type Clock, sleep } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { ControllerObserver } from './observer.ts';
import type { ControllerSettings } from './settings.ts';
import type { StoreHealth } from './store-health.ts';

export interface PurgerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly observer: ControllerObserver;
  readonly settings: ControllerSettings;
  readonly health: StoreHealth;
}

/** Between two batches the store belongs to others for this long, in milliseconds: deleting never crowds out creates and claims. */
const breathMs = 20;

/** Deletes what ended long ago. */
export class Purger {
  readonly #parts: PurgerParts;

  constructor(parts: PurgerParts) {
    this.#parts = parts;
  }

  /** Deletes everything that is past its time, in small batches, until `signal` stops it. An outage is left to the next pass. */
  async purgeOnce(signal: AbortSignal): Promise<void> {
    const { store, clock, observer, settings, health } = this.#parts;
    // A clock that is in doubt could say that everything is old.
    if (clock.doubtMs() > settings.clockDoubtMsMax) return;
    const endedBefore = Math.floor(clock.now()) - settings.historyMs;
    const limit = settings.batchMax;
    try {
      for (let deleted = limit; deleted === limit && !signal.aborted; ) {
        deleted = await health.call('purge', () => store.purge({ endedBefore, limit }));
        if (deleted > 0) observer.purged(deleted);
        if (deleted === limit) await sleep(clock, breathMs, signal);
      }
    } catch {
      // Noted by `health`.
    }
  }
}
