import type { Delivery } from '../../../src/timer/timer.ts';
import type { Chance } from '../../support/chance.ts';
import type { Change } from '../../support/checker/evidence.ts';

/** What a client is going to ask for. */
export interface OrderPlan {
  readonly number: number;
  readonly delivery: Delivery;
  readonly keyed: boolean;
  readonly delayMs: number;
  /** Whether the due time is given as a moment, rather than as a span. */
  readonly byInstant: boolean;
  /** One after another, each so long after the one before. */
  readonly changes: readonly PlannedChange[];
}

export interface PlannedChange {
  readonly what: Change['what'];
  readonly afterMs: number;
  /** Of a reschedule: due so long after it. */
  readonly delayMs: number;
}

/** The part of all orders of which something is asked later. */
const changedPart = 0.25;

/** Timers of every kind, due between now and `spanMs` ahead. */
export function planOrder(chance: Chance, number: number, spanMs: number): OrderPlan {
  const delayMs = chance.whole(0, spanMs);
  return {
    number,
    delivery: chance.pick(['at-least-once', 'at-most-once']),
    keyed: chance.hits(0.5),
    delayMs,
    byInstant: chance.hits(0.3),
    changes: chance.hits(changedPart) ? planChanges(chance, delayMs) : [],
  };
}

function planChanges(chance: Chance, delayMs: number): PlannedChange[] {
  const one = (what: Change['what']): PlannedChange => {
    return { what, afterMs: chance.whole(0, delayMs), delayMs: chance.whole(0, delayMs) };
  };
  const first = one(chance.pick(['cancel', 'reschedule', 'fire']));
  const isMovedAgain = first.what === 'reschedule' && chance.hits(0.5);
  return isMovedAgain ? [first, one(chance.pick(['cancel', 'reschedule', 'fire']))] : [first];
}
