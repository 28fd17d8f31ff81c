import type { Destination } from '../timer/destination.ts';
import type { Random } from '../timer/random.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { Fifo } from './fifo.ts';
import { RateMeter } from './rate-meter.ts';
import type { Call, Dispatched, Sent } from './sender.ts';
import { TokenBucket } from './token-bucket.ts';

/** A call that was handed in and waits for its turn. */
export interface Waiting {
  readonly call: Call;
  readonly permit: () => boolean | Promise<boolean>;
  readonly resolve: (dispatched: Dispatched) => void;
  readonly queuedAt: number;
  /** Whether the breaker waits to hear what becomes of it. */
  readonly isProbe: boolean;
}

export type Postponed = Extract<Dispatched, { kind: 'postponed' }>;

/** One destination as metrics and status show it. */
export interface LaneView {
  readonly destination: Destination;
  /** Calls that hold a slot: on the wire, or about to be. */
  readonly inFlight: number;
  readonly queued: number;
  readonly breaker: BreakerState;
  /** When an open breaker lets a probe through, store's clock; else null. */
  readonly opensUntil: number | null;
}

/** What a lane needs to know of the others when it decides on a new call. */
export interface Room {
  /** So many calls the lane may have in flight now. */
  readonly slots: number;
  /** So many calls may still be queued in all lanes together. */
  readonly queue: number;
}

/** So many calls may wait for any destination, as long as there is room at all. */
const queuedMin = 64;
/** A queue in which the oldest call has waited this long is slow: it takes only what it can send within the same time again. */
const slowAfterMs = 1_000;
/** What a slow queue cannot send within this goes back. Leases run on while a call is queued. */
const queueWaitMsMax = 2_000;
/** With all its slots taken and no answer for this long, a receiver counts as hung. */
const hungAfterMs = 2_000;
/** A call that is postponed comes back within these bounds. */
const turnMsMin = 250;
const turnMsMax = 5_000;
/** Calls that wait for the same moment come back spread over this. */
const spreadMs = 250;
/** A receiver that asks for more by Retry-After has its lane closed for this long only; a timer's own retry honours all of it. */
const slowedMsMax = 60_000;
/** Lanes without work are forgotten after this, and open breakers of such lanes after that. */
const idleMsMax = 60_000;
const openIdleMsMax = 300_000;

/**
 * What is known of one destination, and who waits for it. Decides; `Lanes` acts. Instants are arguments, store's clock, in milliseconds.
 */
export class Lane {
  readonly destination: Destination;
  readonly queue = new Fifo<Waiting>();
  readonly #breaker: Breaker;
  readonly #random: Random;
  readonly #completions = new RateMeter();
  readonly #tokens: TokenBucket | undefined;
  #inFlight = 0;
  #onWire = 0;
  /** Since then at least one call has been on the wire and none has come back. */
  #quietSinceAt = 0;
  #slowedUntil = 0;
  /** The turn of the last call that was postponed for want of room. */
  #lastTurnAt = 0;
  #usedAt: number;

  constructor(
    destination: Destination,
    options: { readonly random: Random; readonly ratePerSecond: number; readonly now: number },
  ) {
    this.destination = destination;
    this.#random = options.random;
    this.#breaker = new Breaker(options.random);
    this.#tokens = options.ratePerSecond > 0 ? new TokenBucket(options.ratePerSecond, options.now) : undefined;
    this.#usedAt = options.now;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  view(): LaneView {
    return {
      destination: this.destination,
      inFlight: this.#inFlight,
      queued: this.queue.length,
      breaker: this.#breaker.state,
      opensUntil: this.#breaker.opensUntil,
    };
  }

  /** Whether a new call may queue up: as an ordinary call, as the breaker's probe, or not now. */
  admit(now: number, room: Room): 'yes' | 'probe' | Postponed {
    this.#usedAt = now;
    if (now < this.#slowedUntil) return this.#slowed();
    if (this.#isHung(now, room.slots)) return postponed('slowed_down', this.#turnAt(now));
    if (this.#isFull(now, room.queue)) return postponed('lane_full', this.#turnAt(now));
    const admitted = this.#breaker.admit(now);
    return admitted === 'no' ? this.#brokenUntil(now) : admitted;
  }

  /** 0 when the destination's rate allows a call now, which then counts; else how long until it does, in milliseconds. */
  takeTokenOrWaitMs(now: number): number {
    if (!this.#tokens || this.#tokens.take(now)) return 0;
    return this.#tokens.waitMs(now);
  }

  takeSlot(): void {
    this.#inFlight++;
  }

  /** The call is being sent. */
  sending(now: number): void {
    if (this.#onWire === 0) this.#quietSinceAt = now;
    this.#onWire++;
    this.#completions.resume(now);
  }

  /** The call that was being sent never left; `dropped` follows. */
  withheld(now: number): void {
    this.#offWire(now);
  }

  /** The call's permit was refused. */
  dropped(waiting: Waiting): void {
    this.#inFlight--;
    this.#letGo(waiting);
  }

  /** The call came back. */
  completed(sent: Sent, isProbe: boolean, now: number): void {
    this.#inFlight--;
    this.#quietSinceAt = now;
    this.#usedAt = now;
    this.#completions.mark(now);
    this.#offWire(now);
    this.#breaker.record(sent.attempt.outcome, { isProbe, now });
    if (sent.retryAfterMs !== undefined) {
      this.#slowedUntil = Math.max(this.#slowedUntil, now + Math.min(sent.retryAfterMs, slowedMsMax));
    }
  }

  /** After a call came back: while the destination is not to be called, nothing waits for it. Returns how many calls were sent back. */
  clearIfClosed(now: number): number {
    if (now < this.#slowedUntil) return this.postponeBeyond(0, () => this.#slowed());
    if (this.#breaker.state === 'open') return this.postponeBeyond(0, () => this.#brokenUntil(now));
    return 0;
  }

  /** Now and then: sends back what would wait too long. Returns how many calls that were. */
  thin(now: number, slots: number): number {
    if (this.#isHung(now, slots)) return this.postponeBeyond(0, () => postponed('slowed_down', this.#turnAt(now)));
    if (!this.#isSlow(now)) return 0;
    return this.postponeBeyond(this.#sendableWithin(queueWaitMsMax, now), () =>
      postponed('lane_full', this.#turnAt(now)),
    );
  }

  /** Takes all but the oldest `kept` calls out of the queue and answers them. Returns how many calls that were. */
  postponeBeyond(kept: number, answer: () => Postponed): number {
    const taken = this.queue.takeBeyond(kept);
    for (const waiting of taken) {
      this.#letGo(waiting);
      waiting.resolve(answer());
    }
    return taken.length;
  }

  /** Whether nothing would be lost by forgetting the lane; `pressed` when there are too many lanes to keep the idle ones. */
  isForgettable(now: number, pressed = false): boolean {
    if (this.#inFlight > 0 || this.queue.length > 0) return false;
    if (pressed) return true;
    const idleMs = now - this.#usedAt;
    if (this.#breaker.state !== 'closed') return idleMs >= openIdleMsMax;
    return idleMs >= idleMsMax && now >= this.#slowedUntil;
  }

  #offWire(now: number): void {
    this.#onWire--;
    if (this.#onWire === 0) this.#completions.pause(now);
  }

  #letGo(waiting: Waiting): void {
    if (waiting.isProbe) this.#breaker.probeLost();
  }

  /** A receiver's timeout may be long; well before it, a lane whose calls have all stopped to come back would only hold more slots. */
  #isHung(now: number, slots: number): boolean {
    return this.#onWire > 0 && this.#onWire >= slots && now - this.#quietSinceAt > hungAfterMs;
  }

  /**
   * A fresh burst may fill as much of the queue as is left free, which leaves room for others however many lanes do so (the dynamic
   * threshold of switches with shared memory: Choudhury and Hahne, 1998). More than that, or on top of a slow queue, only what is sent
   * within a second at the rate measured: so a fast receiver's backlog stays in order, and a slow one's goes back to the store.
   */
  #isFull(now: number, queueRoom: number): boolean {
    if (queueRoom <= 0) return true;
    const queued = this.queue.length;
    if (queued < Math.max(queuedMin, queueRoom) && !this.#isSlow(now)) return false;
    return queued >= this.#sendableWithin(slowAfterMs, now);
  }

  /** How many calls are sent within `ms`: by the rate measured, but at least once more as many as now. A fresh lane has no rate yet. */
  #sendableWithin(ms: number, now: number): number {
    return Math.max(this.#inFlight, Math.ceil(this.#completions.perMs(now) * ms));
  }

  #isSlow(now: number): boolean {
    const oldest = this.queue.first;
    return oldest !== undefined && now - oldest.queuedAt >= slowAfterMs;
  }

  /**
   * When a call for which there is no room comes back: behind those that are queued and those that were postponed before it, as fast as
   * the receiver has been taking them lately.
   */
  #turnAt(now: number): number {
    const msPerCall = Math.min(1 / this.#completions.perMs(now), turnMsMax);
    const afterQueue = now + this.queue.length * msPerCall;
    const turnAt = Math.max(this.#lastTurnAt, afterQueue) + msPerCall;
    this.#lastTurnAt = Math.min(Math.max(turnAt, now + turnMsMin), now + turnMsMax);
    return this.#lastTurnAt;
  }

  #slowed(): Postponed {
    return postponed('slowed_down', this.#spread(this.#slowedUntil));
  }

  #brokenUntil(now: number): Postponed {
    const { opensUntil, probeStartedAt } = this.#breaker;
    if (opensUntil !== null) return postponed('breaker_open', this.#spread(Math.max(now, opensUntil)));
    // A probe is on its way. The longer it already takes, the longer it may still take: up to the timer's timeout.
    const probingMs = now - (probeStartedAt ?? now);
    return postponed('breaker_open', this.#spread(now + Math.min(Math.max(probingMs, turnMsMin), turnMsMax)));
  }

  #spread(at: number): number {
    return at + this.#random.fraction() * spreadMs;
  }
}

/** A call that comes back at `at`; whole milliseconds, as the store keeps them. */
export function postponed(because: Postponed['because'], at: number): Postponed {
  return { kind: 'postponed', untilAt: Math.ceil(at), because };
}
