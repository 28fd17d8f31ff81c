import type { Random } from '../../../src/timer/random.ts';
import type { Delivery } from '../../../src/timer/timer.ts';
import type { Change } from '../../support/checker/evidence.ts';
import { between, oneOf } from './chance.ts';

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
export function planOrder(random: Random, number: number, spanMs: number): OrderPlan {
  const delayMs = between(random, 0, spanMs);
  return {
    number,
    delivery: oneOf(random, ['at-least-once', 'at-most-once']),
    keyed: random.fraction() < 0.5,
    delayMs,
    byInstant: random.fraction() < 0.3,
    changes: random.fraction() < changedPart ? planChanges(random, delayMs) : [],
  };
}

function planChanges(random: Random, delayMs: number): PlannedChange[] {
  const one = (what: Change['what']): PlannedChange => {
    return { what, afterMs: between(random, 0, delayMs), delayMs: between(random, 0, delayMs) };
  };
  const first = one(oneOf(random, ['cancel', 'reschedule', 'fire']));
  const isMovedAgain = first.what === 'reschedule' && random.fraction() < 0.5;
  return isMovedAgain ? [first, one(oneOf(random, ['cancel', 'reschedule', 'fire']))] : [first];
}
