import type { Clock } from '../../src/clock/clock.ts';
import type { Attempt, OutcomeKind } from '../../src/timer/outcome.ts';
import type { Call, Dispatched, Dispatcher } from '../../src/webhook/sender.ts';

/** What a fake receiver does with a call: an outcome at once, or a promise of one for a call that stays on the wire. */
export type Behaviour = (call: Call) => Dispatched | Promise<Dispatched>;

/** Lanes without a network: asks the permit, records each call that went out, and answers as it is told. */
export class FakeDispatcher implements Dispatcher {
  /** Calls that were let onto the wire, with the time. */
  readonly sent: { readonly call: Call; readonly at: number }[] = [];
  behaviour: Behaviour = (call) => delivered(call, this.#clock);
  stopped = false;
  /** Nothing waits here: calls go out at once. */
  queued = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async dispatch(call: Call, permit: () => boolean | Promise<boolean>): Promise<Dispatched> {
    if (this.stopped) return { kind: 'postponed', untilAt: this.#clock.monotonic(), because: 'stopping' };
    if (!(await permit())) return { kind: 'dropped' };
    this.sent.push({ call, at: this.#clock.now() });
    return await this.behaviour(call);
  }

  /** Among how many controllers rates are split. */
  sharers = 1;

  shareRates(controllers: number): void {
    this.sharers = controllers;
  }

  stop(): void {
    this.stopped = true;
  }

  /** What this does to calls on the wire, unless a test says otherwise: nothing. */
  cutOff(): void {}
}

/** A 200 that took no time. */
export function delivered(call: Call, clock: Clock): Dispatched {
  return sentWith(call, clock, { outcome: 'delivered', status: 200 });
}

/** An attempt that ended now as said. */
export function sentWith(call: Call, clock: Clock, change: Partial<Attempt> & { outcome: OutcomeKind }): Dispatched {
  const attempt = {
    number: call.number,
    startedAt: clock.now(),
    durationMs: 0,
    status: null,
    error: null,
    response: null,
    ...change,
  };
  return { kind: 'sent', attempt };
}
