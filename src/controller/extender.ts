import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { Held, Holds } from './holds.ts';
import type { ControllerSettings } from './settings.ts';
import type { StoreHealth } from './store-health.ts';

export interface ExtenderParts {
  readonly owner: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly settings: ControllerSettings;
  readonly holds: Holds;
  readonly health: StoreHealth;
}

/** Keeps the leases of calls that stay on the wire from running out. */
export class Extender {
  readonly #parts: ExtenderParts;

  constructor(parts: ExtenderParts) {
    this.#parts = parts;
  }

  /** Extends, in batches, what has been held longer than `extendAfterMs` and is on the wire. An outage is left to the next pass. */
  async extendOnce(): Promise<void> {
    const { clock, settings, holds, health } = this.#parts;
    const latest = clock.monotonic() + settings.leaseMs - settings.extendAfterMs;
    const ageing = holds.values().filter((held) => held.onWire && held.leaseEndsAt <= latest);
    const all = [...ageing];
    if (all.length === 0) health.forget('extend');
    for (let at = 0; at < all.length; at += settings.batchMax)
      await this.#extend(all.slice(at, at + settings.batchMax));
  }

  async #extend(batch: readonly Held[]): Promise<void> {
    const { owner, store, clock, settings, health } = this.#parts;
    const leaseEndsAt = clock.monotonic() + settings.leaseMs;
    const untilAt = Math.floor(clock.now()) + settings.leaseMs;
    const claims = batch.map((held) => ({ id: held.timer.id, owner, claim: held.timer.claim }));
    try {
      const results = await health.call('extend', () => store.extend(claims, untilAt));
      for (const [index, held] of batch.entries()) {
        const current = held.timer.claim === claims[index]!.claim;
        if (results[index] !== 'applied' || !current) continue;
        held.leaseEndsAt = leaseEndsAt;
        held.timer = { ...held.timer, lease: { owner, until: untilAt } };
      }
    } catch {
      // Noted by `health`; the calls go on, and what comes of them is written if nobody took them over.
    }
  }
}
