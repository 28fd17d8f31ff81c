import type { Disturbance } from '../../support/checker/disturbances.ts';

/** From when until when a thread stood still, in milliseconds since the epoch. */
export type Stall = readonly [from: number, until: number];

const tickMs = 50;
/** A machine with much to do holds a thread up for less all the time, in milliseconds. */
const stallMsMin = 500;
/** Until what was held up has passed, in milliseconds: the timeout of calls, behind which their senders have given up. */
const aftermathMs = 5_000;

/**
 * Notes when this very thread stands still, from now on. What a proxy here should pass on is late then: a sender may have given up by the
 * time that the receiver sees its call, and nobody hears what the receiver answers.
 */
export function watchOwnStalls(): Stall[] {
  const stalls: Stall[] = [];
  let lastAt = Date.now();
  const tick = () => {
    const now = Date.now();
    if (now >= lastAt + stallMsMin) stalls.push([lastAt, now]);
    lastAt = now;
  };
  setInterval(tick, tickMs).unref();
  return stalls;
}

/** They concern everybody's calls. */
export function asDisturbances(stalls: readonly Stall[]): Disturbance[] {
  return stalls.map(([from, until]) => ({ concerns: () => true, from, until: until + aftermathMs }));
}

/** How long they took altogether, in seconds. */
export function secondsOf(stalls: readonly Stall[]): number {
  return Math.round(stalls.reduce((sum, [from, until]) => sum + until - from, 0) / 100) / 10;
}
