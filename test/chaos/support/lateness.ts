import type { AcceptedById } from './accepted.ts';
import type { Call } from './receiver.ts';

/** The arrival of each timer's first call minus its due time, in milliseconds. */
export function latenessOf(accepted: AcceptedById, calls: readonly Call[]): Map<string, number> {
  const lateness = new Map<string, number>();
  for (const { id, arrivedAt } of calls) {
    const dueAt = accepted.get(id)?.dueAt;
    if (dueAt !== undefined && !lateness.has(id)) lateness.set(id, arrivedAt - dueAt);
  }
  return lateness;
}
