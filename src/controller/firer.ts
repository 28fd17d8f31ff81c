import { type Clock, sleep } from '../clock/clock.ts';
import type { Claimed, Hold, HoldResult } from '../store/store.ts';
import { destinationOf } from '../timer/destination.ts';
import type { Random } from '../timer/random.ts';
import { attemptAt } from '../timer/timer.ts';
import { type Settlement, settle, takeOver } from '../timer/transition.ts';
import type { Dispatched, Dispatcher } from '../webhook/sender.ts';
import { Heap } from './heap.ts';
import type { Held, Holds } from './holds.ts';
import type { ControllerObserver } from './observer.ts';
import type { ControllerSettings } from './settings.ts';
import type { Writer } from './writer.ts';

export interface FirerParts {
  readonly owner: string;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: ControllerObserver;
  readonly settings: ControllerSettings;
  readonly holds: Holds;
  readonly writer: Writer;
  /** Told when a timer that goes back has its next attempt. */
  readonly wake: (at: number) => void;
  /** Told when a call has had its turn, whatever came of it. */
  readonly onTurn: () => void;
}

/** From the claim to the settlement: keeps claimed timers until they are due, lets each go at its time, and writes what became of it. */
export class Firer {
  readonly #parts: FirerParts;
  readonly #due = new Heap<Held>();
  #disarm: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(parts: FirerParts) {
    this.#parts = parts;
  }

  /** Takes claimed timers into its hands. Their leases run out at `leaseEndsAt` on the monotonic clock. */
  take(claims: readonly Claimed[], leaseEndsAt: number): void {
    for (const claimed of claims) this.#takeOne(claimed, leaseEndsAt);
    this.#fireDue();
  }

  /**
   * Gives back what is due later than `keepMs` from now. The rest is still sent at its time, and only then the lanes stop; what is on the
   * wire goes on.
   */
  async stop(keepMs: number): Promise<void> {
    const { clock, dispatcher } = this.#parts;
    this.#stopped = true;
    const keptUntil = clock.now() + keepMs;
    let lastAt = Number.NEGATIVE_INFINITY;
    for (const [at, held] of this.#due.drain()) {
      if (at > keptUntil) void this.#giveBack(held, attemptAt(held.timer));
      else {
        this.#due.push(at, held);
        lastAt = Math.max(lastAt, at);
      }
    }
    if (this.#due.size > 0) await sleep(clock, lastAt - clock.now());
    this.#fireDue();
    this.#disarm?.();
    // A clock that is in doubt may have kept some from being sent.
    for (const [, held] of this.#due.drain()) void this.#giveBack(held, attemptAt(held.timer));
    dispatcher.stop();
  }

  #takeOne({ timer, claimableAt, takenFrom }: Claimed, leaseEndsAt: number): void {
    const { holds, owner } = this.#parts;
    const known = holds.get(timer.id);
    // Two claims on, the one between was this controller's too, though it never heard of it: the answer was lost.
    if (known && takenFrom === owner && timer.claim <= known.timer.claim + 2) {
      // Its own lease had run out, and nobody else had the timer since. The call may be under way: it goes on under the new claim.
      known.timer = { ...known.timer, claim: timer.claim, lease: timer.lease };
      known.leaseEndsAt = leaseEndsAt;
      return;
    }
    // A known timer that was free has been let go of, and only the answer to that write is not here yet: this is a new hold.
    const held = holds.add(timer, leaseEndsAt);
    if (takenFrom !== null) this.#takeOver(held);
    else this.#queue(held, Math.max(claimableAt, attemptAt(timer)));
  }

  #takeOver(held: Held): void {
    const { clock, observer } = this.#parts;
    observer.takenOver(held.timer);
    const decision = takeOver(held.timer, clock.now());
    if ('settle' in decision) {
      void this.#settle(held, decision.settle);
    } else {
      held.recordChanged = decision.send !== held.timer;
      held.timer = decision.send;
      this.#queue(held, attemptAt(held.timer));
    }
  }

  #queue(held: Held, at: number): void {
    if (this.#stopped) void this.#giveBack(held, at);
    else this.#due.push(at, held);
  }

  /** Fires what is due, and sets the alarm for what comes next. */
  #fireDue(): void {
    const now = this.#parts.clock.now();
    for (let held = this.#due.popUntil(now); held; held = this.#due.popUntil(now)) this.#fire(held);
    this.#arm(now);
  }

  #arm(now: number): void {
    const { clock, settings } = this.#parts;
    const nextAt = this.#due.nextAt;
    if (nextAt === undefined || this.#armedFor <= nextAt) return;
    this.#disarm?.();
    this.#armedFor = nextAt;
    // A clock that is in doubt may stand still: then its alarms say nothing, and shall not ring all the time.
    const delayMsMin = clock.doubtMs() > settings.clockDoubtMsMax ? 50 : 0;
    // An alarm may ring a little early; then nothing is due yet, and it is set again.
    this.#disarm = clock.after(Math.max(nextAt - now, delayMsMin), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#fireDue();
    });
  }

  #fire(held: Held): void {
    const { timer } = held;
    const call = {
      timer,
      destination: destinationOf(timer.spec.url),
      number: timer.attemptsMade + 1,
      mayLeave: () => this.#maySend(held),
    };
    // Without `async`: a backlog's calls wait in the lanes by the hundred, and what each keeps there is garbage that has grown old.
    void this.#parts.dispatcher
      .dispatch(call, () => this.#permit(held))
      .then((dispatched) => this.#hadTurn(held, dispatched));
  }

  #hadTurn(held: Held, dispatched: Dispatched): Promise<void> {
    const { observer, clock, settings, onTurn } = this.#parts;
    onTurn();
    if (dispatched.kind === 'sent') return this.#settleSent(held, dispatched);
    if (dispatched.kind === 'postponed') {
      const untilAt = clock.now() + (dispatched.untilAt - clock.monotonic());
      observer.postponed(held.timer, dispatched.because, untilAt);
      return this.#giveBack(held, untilAt);
    }
    observer.dropped(held.timer);
    // Not at once: what kept it from being sent (a store that fails to write, a clock in doubt) would only be met again.
    return this.#giveBack(held, clock.now() + settings.pollMs);
  }

  /** Asked before a call is sent; `mayLeave` looks once more when it leaves. A paused process wakes up harmless: its leases are too short to send under. */
  #permit(held: Held): boolean | Promise<boolean> {
    if (!this.#maySend(held)) return false;
    if (held.timer.spec.delivery === 'at-most-once') return this.#begin(held);
    held.onWire = true;
    return true;
  }

  async #begin(held: Held): Promise<boolean> {
    const { id, claim } = held.timer;
    // From here on the mark may be in the store, whatever the answer.
    held.begun = true;
    if (!(await this.#parts.writer.begin({ id, owner: this.#parts.owner, claim }))) return false;
    // The mark took its time: the lease may have become too short meanwhile.
    held.onWire = this.#maySend(held) && held.timer.claim === claim;
    return held.onWire;
  }

  /**
   * Whether it is due, and enough of its lease is left: by both clocks, since the store's may have been set, and on a machine that was
   * suspended the steady one has stood still.
   */
  #maySend({ timer, leaseEndsAt }: Held): boolean {
    const { clock, settings } = this.#parts;
    const now = clock.now();
    const leaseLeftMs = Math.min(leaseEndsAt - clock.monotonic(), timer.lease!.until - now);
    return attemptAt(timer) <= now && leaseLeftMs >= settings.leaseMsMin && clock.doubtMs() <= settings.clockDoubtMsMax;
  }

  #settleSent(held: Held, sent: Dispatched & { kind: 'sent' }): Promise<void> {
    const { clock, random, observer } = this.#parts;
    const { attempt, retryAfterMs } = sent;
    const latenessMs = attempt.startedAt === null ? null : attempt.startedAt - attemptAt(held.timer);
    observer.attempted(held.timer, attempt, latenessMs);
    const context = { nowMs: clock.now(), random, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    return this.#settle(held, settle(held.timer, attempt, context));
  }

  async #settle(held: Held, settlement: Settlement): Promise<void> {
    const { writer, observer, wake } = this.#parts;
    const result = await this.#letGo(held, (hold) => writer.settle({ ...hold, settlement }));
    if (result === 'applied') observer.settled(held.timer, settlement);
    if (result === 'lost') observer.settleLost(held.timer, settlement);
    if ('retryAt' in settlement.next) wake(settlement.next.retryAt);
  }

  /** Lets go of a timer that was not sent, until `claimAt`. */
  async #giveBack(held: Held, claimAt: number): Promise<void> {
    const { writer, wake } = this.#parts;
    const at = Math.ceil(claimAt);
    if (held.begun || held.recordChanged) return this.#giveBackOnRecord(held, at);
    await this.#letGo(held, (hold) => writer.release({ ...hold, claimAt: at }));
    wake(at);
  }

  /**
   * As a settlement without an attempt. One that was taken over goes back with the lost attempt on its record: it may have been sent. One
   * that was marked as begun may be `uncertain` by now in the eyes of another controller: only a settlement says that it was never sent.
   */
  async #giveBackOnRecord(held: Held, at: number): Promise<void> {
    const { writer, wake } = this.#parts;
    const { attempts, attemptsMade, attemptsMax } = held.timer;
    const retryAt = held.begun ? at : attemptAt(held.timer);
    const settlement = { attempts, attemptsMade, attemptsMax, next: { retryAt } };
    await this.#letGo(held, (hold) => writer.settle({ ...hold, settlement }));
    wake(retryAt);
  }

  /** Writes under the timer's claim, then forgets the timer. A write that was lost to this controller's own newer claim is made under that one. */
  async #letGo(held: Held, write: (hold: Hold) => Promise<HoldResult>): Promise<HoldResult | 'failed'> {
    const { owner, holds, observer } = this.#parts;
    try {
      for (;;) {
        const { id, claim } = held.timer;
        const result = await write({ id, owner, claim });
        if (result === 'applied') return result;
        await holds.claimUnderWay;
        if (held.timer.claim === claim) return result;
      }
    } catch (error) {
      // The lease runs out, and the timer is taken over as one of unknown outcome.
      observer.failed(error);
      return 'failed';
    } finally {
      holds.remove(held);
    }
  }
}
