import type { Call, Order } from './evidence.ts';

/** A due time that a timer had, or may have had. */
interface Due {
  readonly dueAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly isSure: boolean;
}

/**
 * The earliest that a timer of the order can have been due when the call arrived. The last due time that a client was told counts, and
 * each that was asked for since. One of which nobody knows whether it took effect may still do so later: it always counts.
 */
export function earliestDue(order: Order, { id, arrivedAt }: Pick<Call, 'id' | 'arrivedAt'>): number {
  const dues = [...created(order, id), ...changed(order)].filter(({ startedAt }) => startedAt <= arrivedAt);
  const told = dues.filter(({ isSure, endedAt }) => isSure && endedAt <= arrivedAt);
  const since = Math.max(Number.NEGATIVE_INFINITY, ...told.map(({ startedAt }) => startedAt));
  // What was under way at the same time may have come after it.
  const possible = dues.filter(({ isSure, endedAt }) => !isSure || endedAt >= since);
  return Math.min(Number.POSITIVE_INFINITY, ...possible.map(({ dueAt }) => dueAt));
}

/** Where one try was told this very timer, the others made another one, or with the same key the same one. */
function created({ tries }: Order, id: string): Due[] {
  const told = tries.find(({ answer }) => answer.kind === 'ok' && answer.id === id);
  if (told?.answer.kind === 'ok')
    return [{ ...told, dueAt: told.answer.dueAt, startedAt: tries[0]!.startedAt, isSure: true }];
  return tries
    .filter(({ answer }) => answer.kind === 'unknown')
    .map((one) => ({ ...one, dueAt: one.dueAtMin, isSure: false }));
}

function changed({ changes }: Order): Due[] {
  return changes
    .filter(({ what, answer }) => what !== 'cancel' && answer.kind !== 'refused')
    .map((change) => {
      const { answer, dueAtMin } = change;
      return answer.kind === 'ok'
        ? { ...change, dueAt: answer.dueAt, isSure: true }
        : { ...change, dueAt: dueAtMin, isSure: false };
    });
}
