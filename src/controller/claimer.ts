import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { Firer } from './firer.ts';
import type { Holds } from './holds.ts';
import type { ControllerObserver } from './observer.ts';
import type { ControllerSettings } from './settings.ts';
import type { StoreHealth } from './store-health.ts';
import type { Writer } from './writer.ts';

export interface ClaimerParts {
  readonly owner: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly observer: ControllerObserver;
  readonly settings: ControllerSettings;
  readonly holds: Holds;
  readonly writer: Writer;
  readonly health: StoreHealth;
  readonly firer: Firer;
  /** Aborted when no more shall be claimed. */
  readonly stopping: AbortSignal;
}

/** `full`: there may be more to claim at once; `idle`: nothing more for now, or no room for it; `failed`: the store did not answer. */
export type ClaimPass = 'full' | 'idle' | 'failed';

/** A claim that brings this part of what it may bring counts as full: beside others that claim, engines may pass some timers over. */
const fullFrom = 0.5;

/** Takes timers that are due within the horizon, as many as there is room for. */
export class Claimer {
  readonly #parts: ClaimerParts;
  readonly #stopped: Promise<void>;
  #doubtful = false;

  constructor(parts: ClaimerParts) {
    this.#parts = parts;
    this.#stopped = new Promise((resolve) => parts.stopping.addEventListener('abort', () => resolve(), { once: true }));
  }

  /** One claim. Never throws. */
  async claimOnce(): Promise<ClaimPass> {
    const { holds, health, writer, stopping } = this.#parts;
    if (this.#clockIsDoubtful()) return 'idle';
    // What is known is settled before more is taken: else a timer that was delivered could be claimed again.
    if (health.isDown) await Promise.race([writer.idle(), this.#stopped]);
    const room = holds.room();
    if (stopping.aborted || room.timers <= 0 || room.bytes <= 0) return 'idle';
    const pass = this.#claim(room);
    holds.claimUnderWay = pass;
    return pass;
  }

  async #claim(room: { timers: number; bytes: number }): Promise<ClaimPass> {
    const { store, clock, settings, health, owner, observer, firer } = this.#parts;
    const limit = Math.min(settings.batchMax, room.timers);
    const leaseEndsAt = clock.monotonic() + settings.leaseMs;
    const nowMs = Math.floor(clock.now());
    const request = {
      owner,
      nowMs,
      horizonAt: nowMs + settings.horizonMs,
      leaseUntil: nowMs + settings.leaseMs,
      limit,
      bytesMax: room.bytes,
      expiredBy: health.expiredBy(nowMs),
    };
    try {
      const claims = await health.call('claim', () => store.claim(request));
      if (claims.length > 0) observer.claimed(claims.length);
      firer.take(claims, leaseEndsAt);
      return claims.length >= limit * fullFrom ? 'full' : 'idle';
    } catch {
      return 'failed';
    }
  }

  #clockIsDoubtful(): boolean {
    const { clock, settings, observer } = this.#parts;
    const doubtMs = clock.doubtMs();
    const doubtful = doubtMs > settings.clockDoubtMsMax;
    if (doubtful && !this.#doubtful) observer.clockDoubtful(doubtMs);
    this.#doubtful = doubtful;
    return doubtful;
  }
}
