import type { Call } from './evidence.ts';

/** Something by which the answer to a call may get lost. */
export interface Disturbance {
  /** Whether the answer to this call may have been lost by it, had it come at that time. */
  readonly concerns: (call: Pick<Call, 'id' | 'sender'>) => boolean;
  /** Milliseconds since the epoch. A kill or a pause is the one moment in which it came. */
  readonly from: number;
  readonly until: number;
}

/** A call that was answered at most this long before a kill may not have reached the disk: one commit, on a busy machine. */
export const settleMsMax = 250;

/**
 * What was sent just before a process was disturbed may be seen this much later by a busy receiver, in milliseconds. Of a call that says when it
 * was sent nothing needs to be guessed: a receiver may be as late as it likes.
 */
const seenLateMsMax = 1_000;

/**
 * How long before a disturbance that concerns it the call was answered: 0 where it was on the wire, Infinity where nothing disturbed it.
 */
export function answeredBeforeMs(
  call: Pick<Call, 'id' | 'sender' | 'sentAt' | 'arrivedAt' | 'endedAt'>,
  disturbances: readonly Disturbance[],
): number {
  const sentAt = call.sentAt ?? call.arrivedAt - seenLateMsMax;
  let least = Number.POSITIVE_INFINITY;
  for (const { concerns, from, until } of disturbances) {
    if (sentAt > until || !concerns(call)) continue;
    least = Math.min(least, Math.max(0, from - call.endedAt));
  }
  return least;
}

/** Whether the answer to the call may have been lost. */
export function isDisturbed(call: Call, disturbances: readonly Disturbance[]): boolean {
  return answeredBeforeMs(call, disturbances) <= settleMsMax;
}

/** Concerns the calls of this sender, and those of which nobody knows whose they were. */
export function ofSender(sender: Call['sender']): Disturbance['concerns'] {
  return (call) => call.sender === undefined || call.sender === sender;
}
