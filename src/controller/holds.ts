import type { TimerId } from '../timer/id.ts';
import { specBytes } from '../timer/spec-bytes.ts';
import type { Timer } from '../timer/timer.ts';

/** A timer in this controller's hands, from the claim until what became of it is written. */
export interface Held {
  /** With the claim number that is good now. */
  timer: Timer;
  /** Whether its record says more than the store knows: the attempt that another controller's death cut off. */
  readonly takenOver: boolean;
  /** When the lease runs out, on the monotonic clock; counted from before the claim was asked for. */
  leaseEndsAt: number;
  /** Whether its call has been let onto the wire. */
  onWire: boolean;
}

export interface HoldsOptions {
  readonly sizeMax: number;
  /** Called when so many holds have gone that a whole batch fits again. */
  readonly batchMax: number;
  readonly onRoom: () => void;
}

/** Everything that a controller holds. Its size is what bounds the controller's memory. */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #held = new Map<TimerId, Held>();
  #bytes = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** How many more timers may be taken now. */
  get room(): number {
    return this.#options.sizeMax - this.#held.size;
  }

  /** Bytes of specs. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: TimerId): Held | undefined {
    return this.#held.get(id);
  }

  add(held: Held): void {
    this.#held.set(held.timer.id, held);
    this.#bytes += specBytes(held.timer.spec);
  }

  remove(held: Held): void {
    if (!this.#held.delete(held.timer.id)) return;
    this.#bytes -= specBytes(held.timer.spec);
    if (this.room === this.#options.batchMax) this.#options.onRoom();
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  values(): IteratorObject<Held> {
    return this.#held.values();
  }

  /** Resolves when nothing is held. */
  empty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }
}
