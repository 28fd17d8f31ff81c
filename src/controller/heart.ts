import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { Dispatcher } from '../webhook/sender.ts';
import type { ControllerSettings } from './settings.ts';

export interface HeartParts {
  readonly owner: string;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly settings: ControllerSettings;
}

/** Notes the controller as alive, so that people see it, and limits are split between those that are. No timer depends on it. */
export class Heart {
  readonly #parts: HeartParts;
  readonly #startedAt: number;

  constructor(parts: HeartParts) {
    this.#parts = parts;
    this.#startedAt = Math.floor(parts.clock.now());
  }

  /** Beats once. What fails is left to the next beat, and splits stay as they were. */
  async beatOnce(): Promise<void> {
    const { owner, store, dispatcher, clock, settings } = this.#parts;
    const nowMs = Math.floor(clock.now());
    const controller = { owner, startedAt: this.#startedAt };
    try {
      await store.beat({ controller, nowMs, forgetBefore: nowMs - settings.forgottenAfterMs });
      const alive = await store.controllers(nowMs - settings.aliveMs);
      dispatcher.shareRates(Math.max(1, alive.length));
    } catch {
      // The claim loop tells of an outage.
    }
  }
}
