import type { Delivery } from '../../timer/timer.ts';
import type { DrillDelivery } from './options.ts';

/** A timer that the drill means to create. */
export interface PlannedTimer {
  /** Its place in the plan, from 0. */
  readonly number: number;
  /** When it is created, counted from the start, in milliseconds. */
  readonly createAfterMs: number;
  /** How long it runs, in whole milliseconds. */
  readonly delayMs: number;
  readonly delivery: Delivery;
}

export interface PlanOptions {
  readonly timers: number;
  readonly seconds: number;
  readonly delivery: DrillDelivery;
}

/** Delays up to here often lie below the service's horizon: such a timer goes to the controller at once. */
const shortMsMax = 1_000;

/** Multiples of it, without their whole parts, fill the range from 0 to 1 evenly wherever one stops (Weyl's equidistribution). */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/** Creates at an even rate over the span. Every other timer is short; the rest are due anywhere in what is left of the span. */
export function planOf({ timers, seconds, delivery }: PlanOptions): PlannedTimer[] {
  const spanMs = seconds * 1_000;
  return Array.from({ length: timers }, (_, number) => {
    const createAfterMs = (number * spanMs) / timers;
    const isShort = number % 2 === 0;
    const part = (number * goldenRatio) % 1;
    const delayMs = isShort ? part * shortMsMax : shortMsMax + part * Math.max(0, spanMs - createAfterMs - shortMsMax);
    return { number, createAfterMs, delayMs: Math.round(delayMs), delivery: deliveryOf(number, delivery) };
  });
}

/** By pairs, so that there are short and long ones of both. */
function deliveryOf(number: number, delivery: DrillDelivery): Delivery {
  if (delivery !== 'mixed') return delivery;
  return number % 4 < 2 ? 'at-least-once' : 'at-most-once';
}
