import type { Destination } from '../timer/destination.ts';
import type { Random } from '../timer/random.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { Fifo } from './fifo.ts';
import { RateMeter } from './rate-meter.ts';
import type { Call, Dispatched, Sent } from './sender.ts';
import { TokenBucket } from './token-bucket.ts';
import { type Pace, Turns } from './turns.ts';

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
}

/** How many calls a lane has sent back: of those in its queue, and of those that had a slot and were ready to be sent. */
export interface SentBack {
  readonly queued: number;
  readonly ready: number;
}

const noneSentBack: SentBack = { queued: 0, ready: 0 };

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
/**
 * When the oldest call has waited this long all the same, the rate measured says nothing: the receiver has become slower, or calls to others
 * hold the slots. All go back, while enough of their leases is left to do so.
 */
const queueStuckMs = 3_000;
/** With all its slots taken and no answer for this long, a receiver counts as hung. */
const hungAfterMs = 2_000;
/** The first of the calls that are sent back comes again within these bounds, unless it is known when the destination opens. */
const turnMsMin = 250;
const turnMsMax = 5_000;
/** However slow the receiver, the next one comes again after this; if many lanes send back, after their fair share of time. */
const spacingMsMax = 10;
/** Calls that are sent back for the destination's rate come again this long before their token, so that a late one wastes none. */
const tokenAheadMs = 500;
/** A receiver that asks for more by Retry-After has its lane closed for this long only; a timer's own retry honours all of it. */
const slowedMsMax = 60_000;
/** Lanes without work are forgotten after this, and open breakers of such lanes after that. */
const idleMsMax = 60_000;
const openIdleMsMax = 300_000;
/** How much of what a mark is taken to last one more of them changes; and a store that takes longer is in trouble, and nothing to go by. */
const markWeight = 1 / 64;
const markMsMax = 100;

/**
 * What is known of one destination, and who waits for it. Decides; `Lanes` acts. Instants are arguments, on the monotonic clock, in milliseconds.
 */
export class Lane {
  readonly destination: Destination;
  readonly queue = new Fifo<Waiting>();
  readonly #breaker: Breaker;
  readonly #completions = new RateMeter();
  readonly #tokens: TokenBucket | undefined;
  readonly #turns: Turns;
  /** Calls on the wire at once. */
  readonly #placesMax: number;
  /** Calls that are marked as begun and wait for a place: only while all are taken. */
  readonly #ready = new Fifo<Waiting>();
  #inFlight = 0;
  #onWire = 0;
  /** So many calls it may have in flight, as it was told last. */
  #slots = 1;
  /** How long it takes to mark a call, lately, in milliseconds. */
  #markMs = 0;
  /** Since then at least one call has been on the wire and none has come back. */
  #quietSinceAt = 0;
  #slowedUntil = 0;
  /** The breaker's pause for whose end a call was told to come. */
  #probeTurnAt: number | null = null;
  #usedAt: number;

  constructor(
    destination: Destination,
    options: {
      readonly random: Random;
      readonly pace: Pace;
      readonly placesMax: number;
      readonly ratePerSecond: number;
      readonly now: number;
    },
  ) {
    this.destination = destination;
    this.#placesMax = options.placesMax;
    this.#turns = new Turns(options.pace);
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
    };
  }

  /** Another rate for a destination that has one. */
  setRate(ratePerSecond: number, now: number): void {
    this.#tokens?.setRate(ratePerSecond, now);
  }

  /** Whether a new call may queue up: as an ordinary call, as the breaker's probe, or not now. */
  admit(now: number, room: Room): 'yes' | 'probe' | Postponed {
    this.#usedAt = now;
    this.#slots = room.slots;
    if (now < this.#slowedUntil) return this.#slowed(now);
    if (this.#isHung(now, room.slots)) return this.#hung(now);
    if (this.#isFull(now, room.queue)) return this.#full(now);
    const admitted = this.#breaker.admit(now);
    if (admitted === 'no') return this.#broken(now);
    if (admitted === 'yes' && this.queue.length === 0 && this.#inFlight < room.slots) this.#turns.passed(now);
    return admitted;
  }

  /** Whether calls are out that the lane sent back. */
  hasTurnsOut(now: number): boolean {
    return this.#turns.areOut(now);
  }

  /**
   * Whether the oldest call in the queue may have a slot, of which there are so many. Calls that are marked before they are sent get some more
   * where the lane has its full share of them: about as many as will find a place on the wire when their marks are stored. Else half of the
   * places would be empty while marks are stored, and each commit would have half as many.
   */
  mayStart(now: number, slots: number): boolean {
    const next = this.queue.first;
    if (!next) return false;
    if (this.#inFlight < slots) return true;
    // Tokens are taken before the mark: ahead of a limited rate, those of marks that took long would make a burst.
    const mayGoAhead = needsMark(next.call) && slots === this.#placesMax && !this.#tokens;
    return mayGoAhead && this.#inFlight < slots + this.#aheadMax(now);
  }

  /** A call's mark was stored after so long, in milliseconds. Says why it is not to be sent after all; else it is ready. */
  marked(waiting: Waiting, ms: number, now: number): Postponed | undefined {
    this.#markMs += (Math.min(ms, markMsMax) - this.#markMs) * markWeight;
    if (now < this.#slowedUntil) return this.#slowed(now);
    if (this.#breaker.state !== 'closed' && !waiting.isProbe) return this.#broken(now);
    this.#ready.push(waiting);
    return undefined;
  }

  /** Takes the oldest call that is ready, if there is a place for it. */
  takeReady(): Waiting | undefined {
    return this.#onWire < this.#placesMax ? this.#ready.shift() : undefined;
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
    this.#completions.taken(this.#onWire, now);
  }

  /** The call that was being sent never left; `dropped` follows. */
  withheld(now: number): void {
    this.#offWire(now);
  }

  /** The call was not sent: its permit was refused, or its leave. */
  dropped(waiting: Waiting): void {
    this.#inFlight--;
    this.#tokens?.giveBack();
    this.#letGo(waiting);
  }

  /** The call came back. Says whether the breaker has opened or closed by that; a failed probe is no news. */
  completed(sent: Sent, isProbe: boolean, now: number): 'opened' | 'closed' | undefined {
    const wasClosed = this.#breaker.state === 'closed';
    this.#inFlight--;
    this.#quietSinceAt = now;
    this.#usedAt = now;
    this.#completions.mark(now);
    this.#offWire(now);
    this.#breaker.record(sent.attempt.outcome, { isProbe, now });
    if (sent.retryAfterMs !== undefined) {
      this.#slowedUntil = Math.max(this.#slowedUntil, now + Math.min(sent.retryAfterMs, slowedMsMax));
    }
    const isClosed = this.#breaker.state === 'closed';
    if (wasClosed === isClosed) return undefined;
    return isClosed ? 'closed' : 'opened';
  }

  /** After a call came back: while the destination is not to be called, nothing waits for it. */
  clearIfClosed(now: number): SentBack {
    if (now < this.#slowedUntil) return this.postponeAll(() => this.#slowed(now));
    if (this.#breaker.state === 'open') return this.postponeAll(() => this.#broken(now));
    return noneSentBack;
  }

  /** Now and then: sends back what would wait too long. */
  thin(now: number, slots: number): SentBack {
    this.#slots = slots;
    if (this.#isHung(now, slots)) return this.postponeAll(() => this.#hung(now));
    if (!this.#isSlow(now)) return noneSentBack;
    if (this.#waitsMs(now) >= queueStuckMs) return this.postponeAll(() => this.#full(now));
    const queued = this.#postponeBeyond(this.#sendableWithin(queueWaitMsMax, now), () => this.#full(now));
    return { queued, ready: 0 };
  }

  /** Answers everything that is not on the wire or being marked: first what is ready, since it came first. */
  postponeAll(answer: () => Postponed): SentBack {
    const ready = this.#ready.takeBeyond(0);
    for (const waiting of ready) {
      this.dropped(waiting);
      waiting.resolve(answer());
    }
    return { queued: this.#postponeBeyond(0, answer), ready: ready.length };
  }

  /** Whether nothing would be lost by forgetting the lane; `pressed` when there are too many lanes to keep the idle ones. */
  isForgettable(now: number, pressed = false): boolean {
    if (this.#inFlight > 0 || this.queue.length > 0) return false;
    if (pressed) return true;
    const idleMs = now - this.#usedAt;
    if (this.#breaker.state !== 'closed') return idleMs >= openIdleMsMax;
    return idleMs >= idleMsMax && now >= this.#slowedUntil;
  }

  /** Takes all but the oldest `kept` calls out of the queue and answers them. Returns how many calls that were. */
  #postponeBeyond(kept: number, answer: () => Postponed): number {
    const taken = this.queue.takeBeyond(kept);
    for (const waiting of taken) {
      this.#letGo(waiting);
      waiting.resolve(answer());
    }
    return taken.length;
  }

  #offWire(now: number): void {
    this.#onWire--;
    this.#completions.taken(this.#onWire, now);
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
   * within a second at the rate measured: so a fast receiver's backlog stays in order, and a slow one's goes back to the store. Where the
   * destination's rate is limited, that holds for a burst too: what waits for its token longer may outlive its lease.
   */
  #isFull(now: number, queueRoom: number): boolean {
    if (queueRoom <= 0) return true;
    const queued = this.queue.length;
    if (queued >= this.#tokensWithin(slowAfterMs, now)) return true;
    if (queued < Math.max(queuedMin, queueRoom) && !this.#isSlow(now)) return false;
    return queued >= this.#sendableWithin(slowAfterMs, now);
  }

  /** How many calls are sent within `ms`: by the rate measured, but at least once more as many as now. A fresh lane has no rate yet. */
  #sendableWithin(ms: number, now: number): number {
    const byReceiver = Math.max(this.#inFlight, Math.ceil(this.#perMs(now) * ms));
    return Math.min(byReceiver, this.#tokensWithin(ms, now));
  }

  #tokensWithin(ms: number, now: number): number {
    return this.#tokens ? Math.floor(this.#tokens.within(ms, now)) : Number.POSITIVE_INFINITY;
  }

  #isSlow(now: number): boolean {
    return this.#waitsMs(now) >= slowAfterMs;
  }

  /** How long ago the oldest of the calls that are not on the wire came; 0 where there is none. */
  #waitsMs(now: number): number {
    const oldest = this.#ready.first ?? this.queue.first;
    return oldest === undefined ? 0 : now - oldest.queuedAt;
  }

  /**
   * There is no room: the call comes again behind those that are queued, as fast as the receiver has been taking them lately. That may be
   * faster than the lanes' shared pace, since what comes at a receiver's own pace is sent and not only claimed and released. Unless turns
   * are out already, or the destination's rate is limited, it comes within a second: what was measured may be due to a moment in which this
   * process itself was slow.
   */
  #full(now: number): Postponed {
    const { fairMs } = this.#turns;
    const msPerCall = this.#msPerCall(now);
    const spacingMs = Math.min(msPerCall, Math.max(spacingMsMax, fairMs));
    const earliestAt = now + Math.min(Math.max(this.queue.length * msPerCall, turnMsMin), slowAfterMs);
    if (!this.#tokens) return postponed('lane_full', this.#turns.next(now, earliestAt, spacingMs));
    const tokenAt = now + this.#tokens.waitMs(now, this.queue.length + 1) - tokenAheadMs;
    const rateSpacingMs = Math.max(spacingMs, this.#tokens.msPerToken);
    return postponed('lane_full', this.#turns.next(now, Math.max(earliestAt, tokenAt), rateSpacingMs));
  }

  #hung(now: number): Postponed {
    const { fairMs } = this.#turns;
    const spacingMs = Math.max(fairMs, Math.min(this.#msPerCall(now), spacingMsMax));
    return postponed('slowed_down', this.#turns.next(now, now + turnMsMin, spacingMs));
  }

  #slowed(now: number): Postponed {
    return postponed('slowed_down', this.#turns.next(now, this.#slowedUntil, this.#turns.fairMs));
  }

  #broken(now: number): Postponed {
    const { opensUntil, probeStartedAt } = this.#breaker;
    if (opensUntil !== null) return postponed('breaker_open', this.#turnByProbe(now, opensUntil));
    // A probe is on its way. The longer it already takes, the longer it may still take: up to the timer's timeout.
    const probingMs = now - (probeStartedAt ?? now);
    const earliestAt = now + Math.min(Math.max(probingMs, turnMsMin), turnMsMax);
    return postponed('breaker_open', this.#turns.next(now, earliestAt, this.#turns.fairMs));
  }

  /** The first call that is sent back during a pause of the breaker comes when that ends, to be the probe, however many have turns. */
  #turnByProbe(now: number, probeAt: number): number {
    const earliestAt = Math.max(now, probeAt);
    if (this.#probeTurnAt === probeAt) return this.#turns.next(now, earliestAt, this.#turns.fairMs);
    this.#probeTurnAt = probeAt;
    return this.#turns.ahead(now, earliestAt);
  }

  /**
   * How the receiver would take calls with all slots in use, as it has been taking them lately, in milliseconds for each. Where that was for
   * too short to be relied on, it counts only if it is fast: a process that starts into a backlog would give all of it turns at the pace of
   * its first calls, and have nothing to do once it is warm.
   */
  #msPerCall(now: number): number {
    const { fairMs } = this.#turns;
    const perMs = this.#perMs(now);
    const measuredMs = perMs > 0 ? 1 / perMs : fairMs;
    return this.#completions.isReliable(now) ? measuredMs : Math.min(measuredMs, fairMs);
  }

  #perMs(now: number): number {
    return this.#completions.perMs(now) * this.#slots;
  }

  /** How many calls come back while one is being marked, all places taken: never more than there are places. */
  #aheadMax(now: number): number {
    const perMs = this.#completions.perMs(now) * this.#placesMax;
    return Math.min(this.#placesMax, Math.floor(perMs * this.#markMs));
  }
}

/** Whether the store notes that it is about to be sent: a commit before its permit is there. */
function needsMark({ timer }: Call): boolean {
  return timer.spec.delivery === 'at-most-once';
}

/** A call that comes back at `at`; whole milliseconds. */
export function postponed(because: Postponed['because'], at: number): Postponed {
  return { kind: 'postponed', untilAt: Math.ceil(at), because };
}
