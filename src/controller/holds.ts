import type { TimerId } from '../timer/id.ts';
import { specBytes } from '../timer/spec-bytes.ts';
import type { Timer } from '../timer/timer.ts';

/** A timer in this controller's hands, from the claim until what became of it is written. */
export interface Held {
  /** With the claim number and the lease that are good now. */
  timer: Timer;
  /** When the lease runs out, on the monotonic clock; counted from before the claim was asked for. */
  leaseEndsAt: number;
  /** Whether its record says more than the store knows: the attempt that another controller's death cut off. */
  recordChanged: boolean;
  /** Whether the store was asked to mark its call as about to be sent. */
  begun: boolean;
  /** Whether its call has been let onto the wire, where it may have to wait for its place. */
  onWire: boolean;
  /** Of its spec. */
  readonly bytes: number;
}

export interface HoldsOptions {
  readonly sizeMax: number;
  readonly bytesMax: number;
  /** Called when there was no room, and now there is for this many timers. */
  readonly batchMax: number;
  readonly onRoom: () => void;
}

/** Everything that a controller holds. Its size is what bounds the controller's memory. */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #all = new Set<Held>();
  /** The newest hold of each timer: an older one may still be finishing its last write. */
  readonly #newest = new Map<TimerId, Held>();
  #bytes = 0;
  #starved = false;
  #whenEmpty: (() => void)[] = [];
  /** Settles when the answer to the claim that is under way has been taken in; never rejects. */
  claimUnderWay: Promise<unknown> = Promise.resolve();

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** How much more may be taken now. When that is too little, `onRoom` tells when it no longer is. */
  room(): { readonly timers: number; readonly bytes: number } {
    const { sizeMax, bytesMax, batchMax } = this.#options;
    const timers = sizeMax - this.#all.size;
    const bytes = bytesMax - this.#bytes;
    this.#starved = timers < batchMax || bytes < bytesMax / 2;
    return { timers, bytes };
  }

  /** The newest hold of the timer. */
  get(id: TimerId): Held | undefined {
    return this.#newest.get(id);
  }

  add(timer: Timer, leaseEndsAt: number): Held {
    const bytes = specBytes(timer.spec);
    const held = { timer, leaseEndsAt, recordChanged: false, begun: false, onWire: false, bytes };
    this.#all.add(held);
    this.#newest.set(timer.id, held);
    this.#bytes += bytes;
    return held;
  }

  remove(held: Held): void {
    if (!this.#all.delete(held)) return;
    if (this.#newest.get(held.timer.id) === held) this.#newest.delete(held.timer.id);
    this.#bytes -= held.bytes;
    if (this.#starved && this.#hasRoom()) {
      this.#starved = false;
      this.#options.onRoom();
    }
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  values(): IteratorObject<Held> {
    return this.#all.values();
  }

  /** Resolves when nothing is held. */
  empty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #hasRoom(): boolean {
    const { sizeMax, bytesMax, batchMax } = this.#options;
    return this.size <= sizeMax - Math.min(batchMax, sizeMax) && this.#bytes <= bytesMax / 2;
  }
}
