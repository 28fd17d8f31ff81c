import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { Dispatcher } from '../webhook/sender.ts';
import type { ControllerSettings } from './settings.ts';
import type { StoreHealth } from './store-health.ts';

export interface HeartParts {
  readonly owner: string;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly settings: ControllerSettings;
  readonly health: StoreHealth;
}

/** Notes the controller as alive, so that people see it, and limits are split between those that are. Where a controller has nothing else to write, its beats show that the store stalls. */
export class Heart {
  readonly #parts: HeartParts;
  readonly #startedAt: number;

  constructor(parts: HeartParts) {
    this.#parts = parts;
    this.#startedAt = Math.floor(parts.clock.now());
  }

  /** Beats once. What fails is left to the next beat, and splits stay as they were. */
  async beatOnce(): Promise<void> {
    const { owner, store, dispatcher, clock, settings, health } = this.#parts;
    const nowMs = Math.floor(clock.now());
    const controller = { owner, startedAt: this.#startedAt };
    try {
      await health.watch(() => store.beat({ controller, nowMs, forgetBefore: nowMs - settings.forgottenAfterMs }));
      const alive = await store.controllers(nowMs - settings.aliveMs);
      dispatcher.shareRates(Math.max(1, alive.length));
    } catch {
      // The claim loop tells of an outage.
    }
  }
}
