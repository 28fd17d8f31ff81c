import { type Clock, sleep } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { Random } from '../timer/random.ts';
import type { Dispatcher } from '../webhook/sender.ts';
import { Claimer, type ClaimPass } from './claimer.ts';
import { Extender } from './extender.ts';
import { Firer } from './firer.ts';
import { Heart } from './heart.ts';
import { Holds } from './holds.ts';
import type { ControllerObserver } from './observer.ts';
import { Pause } from './pause.ts';
import { Purger } from './purger.ts';
import type { ControllerSettings } from './settings.ts';
import { StoreHealth } from './store-health.ts';
import { Writer } from './writer.ts';

export interface ControllerParts {
  /** Unique to this run of this process: leases are held in its name. */
  readonly owner: string;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: ControllerObserver;
  readonly settings: ControllerSettings;
}

/**
 * What is given back is claimed by another controller at its next look, and this much later at most, in milliseconds. What is due before
 * that is still sent by the one that stops: a restart delays nothing.
 */
const handOverMs = 100;

/** What came of calls that were cut off is written within this, or not at all, in milliseconds. */
const lastWritesMs = 2_000;

/**
 * The part that fires (design, sections 5 and 6): claims timers shortly before they are due, hands each at its time to its
 * destination's lane, and writes what became of it.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #health: StoreHealth;
  readonly #holds: Holds;
  readonly #pause: Pause;
  readonly #claimer: Claimer;
  readonly #firer: Firer;
  readonly #extender: Extender;
  readonly #purger: Purger;
  readonly #heart: Heart;
  /** Whether the claim loop waits for calls to leave the lanes. */
  #lanesAreBusy = false;
  /** Aborted when claiming shall end, and when everything shall. */
  readonly #stopping = new AbortController();
  readonly #stopped = new AbortController();
  #claiming: Promise<void> = Promise.resolve();
  #caring: Promise<unknown> = Promise.resolve();

  constructor(parts: ControllerParts) {
    const { clock, settings } = parts;
    const pause = new Pause(clock);
    const holds = new Holds({
      sizeMax: settings.heldMax,
      bytesMax: settings.heldBytesMax,
      batchMax: settings.batchMax,
      onRoom: () => pause.wake(),
    });
    const health = new StoreHealth({ ...parts, stopped: this.#stopped.signal });
    const writer = new Writer({ ...parts, health });
    const firer = new Firer({ ...parts, holds, writer, wake: (at) => this.wake(at), onTurn: () => this.#onTurn() });
    this.#parts = parts;
    this.#pause = pause;
    this.#holds = holds;
    this.#health = health;
    this.#firer = firer;
    this.#claimer = new Claimer({ ...parts, holds, writer, health, firer, stopping: this.#stopping.signal });
    this.#extender = new Extender({ ...parts, holds, health });
    this.#purger = new Purger({ ...parts, health });
    this.#heart = new Heart({ ...parts, health });
  }

  /** How many timers are in hand: claimed, on the wire, or not yet settled. */
  get held(): number {
    return this.#holds.size;
  }

  /** Whether the store answered last time. */
  get storeIsUp(): boolean {
    return !this.#health.isDown;
  }

  start(): void {
    this.#claiming = this.#claimLoop();
    this.#caring = Promise.all([this.#extendLoop(), this.#purgeLoop(), this.#beatLoop()]);
  }

  /** Says that a timer's next attempt is at `at`: if that is soon, it is looked for at once. */
  wake(at: number): void {
    const { clock, settings } = this.#parts;
    if (at <= clock.now() + settings.horizonMs) this.#pause.wake();
  }

  /** Claims once what is due within the horizon. The loop calls it; so do tests. Never throws. */
  claimOnce(): Promise<ClaimPass> {
    return this.#claimer.claimOnce();
  }

  /** Extends once the leases that need it. */
  extendOnce(): Promise<void> {
    return this.#extender.extendOnce();
  }

  /** Deletes once what ended long ago. */
  purgeOnce(): Promise<void> {
    return this.#purger.purgeOnce(this.#stopping.signal);
  }

  /** Notes once that this controller is alive. */
  beatOnce(): Promise<void> {
    return this.#heart.beatOnce();
  }

  /**
   * Stops claiming, gives back what is unsent, waits up to `graceMs` for what is on the wire, cuts off the rest, and writes what came of
   * it all. Returns how many timers it could not write (the store is down): they are left to their leases.
   */
  async stop(graceMs: number): Promise<number> {
    const { clock, settings } = this.#parts;
    const grace = sleep(clock, graceMs, this.#stopped.signal);
    this.#stopping.abort();
    this.#pause.wake();
    // What a claim that is under way still brings is given back as it comes.
    const handedOver = this.#firer.stop(this.storeIsUp ? settings.pollMs + handOverMs : 0);
    await Promise.race([Promise.all([this.#claiming, handedOver]).then(() => this.#holds.empty()), grace]);
    if (this.#holds.size > 0) this.#parts.dispatcher.cutOff();
    await Promise.race([this.#holds.empty(), sleep(clock, lastWritesMs)]);
    this.#stopped.abort();
    await this.#caring;
    return this.#holds.size;
  }

  async #claimLoop(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const pass = await this.claimOnce();
      if (pass === 'idle' || this.#isBusy()) await this.#pause.wait(this.#parts.settings.pollMs);
      if (pass === 'failed') await sleep(this.#parts.clock, this.#health.pauseMs(), this.#stopping.signal);
    }
  }

  /**
   * What is claimed while the lanes are busy only waits there, on a lease, and might have to be sent back: behind all that is still in
   * the store. So a backlog is claimed as fast as it leaves; and at every poll all the same, since the next timers may be for other lanes.
   */
  #isBusy(): boolean {
    this.#lanesAreBusy = this.#parts.dispatcher.queued > this.#parts.settings.queuedBusy;
    return this.#lanesAreBusy;
  }

  #onTurn(): void {
    if (!this.#lanesAreBusy || this.#isBusy()) return;
    this.#pause.wake();
  }

  async #extendLoop(): Promise<void> {
    const everyMs = this.#parts.settings.extendAfterMs / 4;
    while (!this.#stopped.signal.aborted) {
      await this.extendOnce();
      await sleep(this.#parts.clock, everyMs, this.#stopped.signal);
    }
  }

  async #beatLoop(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.beatOnce();
      await sleep(this.#parts.clock, this.#parts.settings.beatEveryMs, this.#stopping.signal);
    }
  }

  async #purgeLoop(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await sleep(this.#parts.clock, this.#parts.settings.purgeEveryMs, this.#stopping.signal);
      await this.purgeOnce();
    }
  }
}
