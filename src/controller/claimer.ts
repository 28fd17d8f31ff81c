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
}

/** `full`: there may be more to claim at once; `idle`: nothing more for now, or no room for it; `failed`: the store did not answer. */
export type ClaimPass = 'full' | 'idle' | 'failed';

/** Takes timers that are due within the horizon, as many as there is room for. */
export class Claimer {
  readonly #parts: ClaimerParts;
  #doubtful = false;

  constructor(parts: ClaimerParts) {
    this.#parts = parts;
  }

  /** One claim. Never throws. */
  async claimOnce(): Promise<ClaimPass> {
    const { clock, settings, holds, health, writer, firer, observer } = this.#parts;
    if (this.#clockIsDoubtful()) return 'idle';
    // What is known is settled before more is taken: else a timer that was delivered could be claimed again.
    if (health.isDown) await writer.idle();
    const limit = Math.min(settings.batchMax, holds.room);
    const bytesMax = settings.heldBytesMax - holds.bytes;
    if (limit <= 0 || bytesMax <= 0) return 'idle';
    const leaseEndsAt = clock.monotonic() + settings.leaseMs;
    try {
      const claims = await this.#claim(limit, bytesMax);
      if (claims.length > 0) observer.claimed(claims.length);
      firer.take(claims, leaseEndsAt);
      return claims.length === limit ? 'full' : 'idle';
    } catch {
      return 'failed';
    }
  }

  #claim(limit: number, bytesMax: number) {
    const { store, clock, settings, health, owner } = this.#parts;
    const nowMs = Math.floor(clock.now());
    return health.call(() =>
      store.claim({
        owner,
        nowMs,
        horizonAt: nowMs + settings.horizonMs,
        leaseUntil: nowMs + settings.leaseMs,
        limit,
        bytesMax,
        expiredBy: health.expiredBy(nowMs),
      }),
    );
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
