import type { Clock } from '../clock/clock.ts';
import type { Destination } from '../timer/destination.ts';
import type { Random } from '../timer/random.ts';
import { Lane, type LaneView, postponed, type SentBack, type Waiting } from './lane.ts';
import type { Call, Dispatched, Dispatcher, Sender, Sent } from './sender.ts';
import type { Pace } from './turns.ts';

export interface LanesOptions {
  readonly sender: Sender;
  readonly clock: Clock;
  readonly random: Random;
  /** Calls on the wire at once to one destination. */
  readonly perDestinationMax?: number;
  /** Calls on the wire at once in all, and those that are about to be. */
  readonly totalMax?: number;
  /** Calls that wait for their turn, in all. */
  readonly queuedMax?: number;
  /** Calls a second to one destination; 0 for no limit. */
  readonly ratePerSecond?: number;
  /** Told when a destination's breaker opens: it is not called for now, but for single probes; and when it closes again. */
  readonly onBreaker?: (destination: Destination, change: 'opened' | 'closed') => void;
}

/** Of the slots that nobody uses, a lane may have at most this part for itself. */
const shareOfFree = 1 / 4;
/** With more lanes than this, those without work are forgotten at once. */
const lanesMax = 10_000;
/** How often lanes are looked at that nothing happens to, in milliseconds. */
const sweepEveryMs = 1_000;

/**
 * Gives every destination a lane of its own. The slots (calls on the wire) are shared: a lane may take another one while it has fewer
 * than a quarter of those that are free (the dynamic threshold of switches with shared memory: Choudhury and Hahne, "Dynamic Queue Length
 * Thresholds for Shared-Memory Packet Switches", 1998). So one busy destination gets its full share, and however many hung ones hold
 * what they have, a part stays free for a healthy one.
 */
export class Lanes implements Dispatcher {
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #perDestinationMax: number;
  readonly #totalMax: number;
  readonly #queuedMax: number;
  readonly #ratePerSecond: number;
  /** How many controllers share the rate of a destination, this one among them. */
  #sharers = 1;
  readonly #onBreaker: LanesOptions['onBreaker'];
  readonly #lanes = new Map<Destination, Lane>();
  /** Lanes with calls in their queue, in the order in which they get the slots that become free. */
  readonly #waiting = new Set<Lane>();
  /** Alarms of lanes that wait for their rate to allow a call. */
  readonly #rateAlarms = new Map<Lane, () => void>();
  readonly #pace: Pace = { lanes: 0 };
  /** Calls that hold a slot, in all lanes together. */
  #inFlight = 0;
  #queued = 0;
  #offering = false;
  #offerAgain = false;
  #cancelSweep: (() => void) | undefined;
  #stopped = false;
  #isCutOff = false;

  constructor(options: LanesOptions) {
    this.#sender = options.sender;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#perDestinationMax = options.perDestinationMax ?? 64;
    this.#totalMax = options.totalMax ?? 512;
    this.#queuedMax = options.queuedMax ?? 8_192;
    this.#ratePerSecond = options.ratePerSecond ?? 0;
    this.#onBreaker = options.onBreaker;
  }

  dispatch(call: Call, permit: () => boolean | Promise<boolean>): Promise<Dispatched> {
    return new Promise((resolve) => this.#admit(call, permit, resolve));
  }

  shareRates(controllers: number): void {
    if (controllers === this.#sharers) return;
    this.#sharers = controllers;
    const now = this.#clock.monotonic();
    for (const lane of this.#lanes.values()) lane.setRate(this.#ratePerSecond / controllers, now);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelSweep?.();
    for (const cancel of this.#rateAlarms.values()) cancel();
    const now = this.#clock.monotonic();
    for (const lane of this.#lanes.values()) this.#stopLane(lane, now);
  }

  cutOff(): void {
    if (!this.#stopped) this.stop();
    this.#isCutOff = true;
    this.#sender.cutOff();
  }

  /** Every destination that is known at the moment. */
  view(): LaneView[] {
    return Array.from(this.#lanes.values(), (lane) => lane.view());
  }

  get queued(): number {
    return this.#queued;
  }

  #admit(call: Call, permit: Waiting['permit'], resolve: Waiting['resolve']): void {
    const now = this.#clock.monotonic();
    if (this.#stopped) return void resolve(postponed('stopping', now));
    const lane = this.#lane(call.destination, now);
    const admitted = lane.admit(now, { slots: this.#slotsPerLane(), queue: this.#queuedMax - this.#queued });
    if (typeof admitted === 'object') return void resolve(admitted);
    lane.queue.push({ call, permit, resolve, queuedAt: now, isProbe: admitted === 'probe' });
    this.#queued++;
    // Only this lane has something new to start: the others wait for slots, and there are no more than before.
    if (!this.#startNext(lane)) this.#waiting.add(lane);
  }

  #lane(destination: Destination, now: number): Lane {
    const known = this.#lanes.get(destination);
    if (known) return known;
    if (this.#lanes.size >= lanesMax) this.#forget((lane) => lane.isForgettable(now, true));
    const lane = new Lane(destination, {
      random: this.#random,
      pace: this.#pace,
      placesMax: this.#perDestinationMax,
      ratePerSecond: this.#ratePerSecond / this.#sharers,
      now,
    });
    this.#lanes.set(destination, lane);
    this.#cancelSweep ??= this.#clock.after(sweepEveryMs, () => this.#sweep());
    return lane;
  }

  #slotsPerLane(): number {
    const free = this.#totalMax - this.#inFlight;
    return Math.min(this.#perDestinationMax, Math.max(1, Math.floor(free * shareOfFree)));
  }

  /** Offers the free slots in turn, one each, to the lanes that have calls waiting. */
  #offerSlots(): void {
    this.#offerAgain = true;
    // A call that is dropped frees its slot while slots are being offered: the offer is repeated instead of nested.
    if (this.#offering) return;
    this.#offering = true;
    while (this.#offerAgain) {
      this.#offerAgain = false;
      this.#offerRound();
    }
    this.#offering = false;
  }

  #offerRound(): void {
    for (const lane of this.#waiting) {
      if (this.#inFlight >= this.#totalMax) return;
      const started = this.#startNext(lane);
      if (started || lane.queue.length === 0) this.#waiting.delete(lane);
      // Behind the others, and still in this round: a Set's iteration comes to what is added on the way.
      if (started && lane.queue.length > 0) this.#waiting.add(lane);
    }
  }

  /** Starts the lane's oldest call if there is a slot for it and its rate allows; says whether it did. */
  #startNext(lane: Lane): boolean {
    const now = this.#clock.monotonic();
    if (this.#inFlight >= this.#totalMax || !lane.mayStart(now, this.#slotsPerLane())) return false;
    const waitMs = lane.takeTokenOrWaitMs(now);
    if (waitMs > 0) {
      this.#offerAfter(lane, waitMs);
      return false;
    }
    this.#start(lane, lane.queue.shift()!);
    return true;
  }

  #offerAfter(lane: Lane, waitMs: number): void {
    if (this.#rateAlarms.has(lane)) return;
    const cancel = this.#clock.after(Math.ceil(waitMs), () => {
      this.#rateAlarms.delete(lane);
      this.#offerSlots();
    });
    this.#rateAlarms.set(lane, cancel);
  }

  #start(lane: Lane, waiting: Waiting): void {
    this.#queued--;
    this.#inFlight++;
    lane.takeSlot();
    const permitted = askPermit(waiting);
    if (permitted === true) this.#send(lane, waiting);
    else if (permitted === false) this.#drop(lane, waiting);
    else {
      const askedAt = this.#clock.monotonic();
      permitted.then(
        (granted) => (granted ? this.#sendMarked(lane, waiting, askedAt) : this.#drop(lane, waiting)),
        () => this.#drop(lane, waiting),
      );
    }
  }

  /** At once, or as soon as a call of its lane comes back; not at all where the destination is not to be called any more. */
  #sendMarked(lane: Lane, waiting: Waiting, askedAt: number): void {
    const now = this.#clock.monotonic();
    const refusal = lane.marked(waiting, now - askedAt, now);
    if (refusal) return void this.#drop(lane, waiting, refusal);
    // What is just being marked when the lanes stop was due before: it is still sent, if it can be at once.
    if (!this.#isCutOff) this.#goOn(lane, now);
    if (this.#stopped) this.#stopLane(lane, now);
  }

  #stopLane(lane: Lane, now: number): void {
    this.#noteSentBack(
      lane,
      lane.postponeAll(() => postponed('stopping', now)),
    );
  }

  /** After something happened to the lane: sends back what it is not to send any more, and gives away what is free. */
  #goOn(lane: Lane, now: number): void {
    this.#noteSentBack(lane, lane.clearIfClosed(now));
    const ready = lane.takeReady();
    if (ready) this.#send(lane, ready);
    this.#offerSlots();
  }

  #send(lane: Lane, waiting: Waiting): void {
    const startedAt = this.#clock.now();
    lane.sending(this.#clock.monotonic());
    // Senders do not throw. If one does, its call must still end, and whether it left is not known.
    const failed = () => this.#complete(lane, waiting, lostInSender(waiting.call, startedAt));
    try {
      this.#sender.send(waiting.call).then((sent) => this.#complete(lane, waiting, sent), failed);
    } catch {
      failed();
    }
  }

  #complete(lane: Lane, waiting: Waiting, sent: Sent): void {
    const now = this.#clock.monotonic();
    if (sent.withheld) {
      lane.withheld(now);
      this.#drop(lane, waiting);
      return;
    }
    this.#inFlight--;
    const change = lane.completed(sent, waiting.isProbe, now);
    if (change) this.#onBreaker?.(lane.destination, change);
    waiting.resolve({ kind: 'sent', ...sent });
    this.#goOn(lane, now);
  }

  /** The call had a slot, and is not sent. */
  #drop(lane: Lane, waiting: Waiting, answer: Dispatched = { kind: 'dropped' }): void {
    this.#inFlight--;
    lane.dropped(waiting);
    waiting.resolve(answer);
    this.#goOn(lane, this.#clock.monotonic());
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const lane of this.#lanes.values()) this.#noteSentBack(lane, lane.thin(now, this.#slotsPerLane()));
    this.#offerSlots();
    this.#forget((lane) => lane.isForgettable(now));
    this.#pace.lanes = this.#lanes.values().reduce((sum, lane) => sum + (lane.hasTurnsOut(now) ? 1 : 0), 0);
    this.#cancelSweep = this.#lanes.size > 0 ? this.#clock.after(sweepEveryMs, () => this.#sweep()) : undefined;
  }

  #noteSentBack(lane: Lane, { queued, ready }: SentBack): void {
    this.#queued -= queued;
    this.#inFlight -= ready;
    if (lane.queue.length === 0) this.#waiting.delete(lane);
  }

  #forget(which: (lane: Lane) => boolean): void {
    for (const [destination, lane] of this.#lanes) {
      if (which(lane)) this.#lanes.delete(destination);
    }
  }
}

function askPermit(waiting: Waiting): boolean | Promise<boolean> {
  try {
    return waiting.permit();
  } catch {
    return false;
  }
}

function lostInSender(call: Call, startedAt: number): Sent {
  return {
    attempt: {
      number: call.number,
      outcome: 'unknown',
      startedAt: Math.floor(startedAt),
      durationMs: null,
      status: null,
      error: 'a defect in Punctual hides what became of the call',
      response: null,
    },
  };
}
