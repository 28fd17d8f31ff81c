import type { Call, DrilledTimer, SeenState } from '../../../src/cli/drill/drilled-timer.ts';
import type { Delivery } from '../../../src/timer/timer.ts';

export interface Drilled {
  readonly id?: string;
  readonly dueAt?: number;
  readonly delivery?: Delivery;
  /** When calls arrived. */
  readonly calledAt?: readonly number[];
  readonly webhookId?: string;
  readonly status?: string;
  /** Whether its create was answered. */
  readonly isAccepted?: boolean;
}

/** A timer of a drill of which this is known; else all went well. */
export function drilled(known: Drilled = {}): DrilledTimer {
  const { id = 'a', dueAt = 10_000, delivery = 'at-least-once', calledAt = [dueAt], status, isAccepted = true } = known;
  const call = (arrivedAt: number): Call => ({ id, webhookId: known.webhookId ?? id, arrivedAt });
  const seen: { seen?: SeenState } = status === undefined ? {} : { seen: { status, lastAttempt: undefined } };
  return {
    plan: { number: 0, createAfterMs: 0, delayMs: 0, delivery },
    calls: calledAt.map(call),
    ...(isAccepted ? { accepted: { id, dueAt } } : {}),
    ...seen,
  };
}
