import type { Disturbance } from './disturbances.ts';
import type { Call, Change, Evidence, ListedTimer, Order } from './evidence.ts';

/** The evidence, so that it can be looked up. */
export class Book {
  readonly calls: readonly Call[];
  readonly disturbances: readonly Disturbance[];
  readonly orders: ReadonlyMap<number, Order>;
  readonly callsById: ReadonlyMap<string, readonly Call[]>;
  readonly timers: ReadonlyMap<string, ListedTimer>;
  /** The order that each accepted timer's client made. */
  readonly acceptedBy: ReadonlyMap<string, Order>;

  constructor({ orders, calls, timers, disturbances }: Evidence) {
    this.calls = calls;
    this.disturbances = disturbances;
    this.orders = new Map(orders.map((order) => [order.number, order]));
    this.callsById = Map.groupBy(calls, ({ id }) => id);
    this.timers = new Map(timers.map((timer) => [timer.id, timer]));
    this.acceptedBy = new Map(orders.flatMap((order) => acceptedIds(order).map((id) => [id, order])));
  }

  callsOf(id: string): readonly Call[] {
    return this.callsById.get(id) ?? [];
  }

  /** Of an accepted timer the order that it was accepted for, whatever its calls say. */
  orderOf({ id, order }: { readonly id: string; readonly order: number }): Order | undefined {
    return this.acceptedBy.get(id) ?? this.orders.get(order);
  }
}

function acceptedIds({ tries }: Order): string[] {
  return tries.flatMap(({ answer }) => (answer.kind === 'ok' ? [answer.id] : []));
}

/** Whether it was answered with 2xx. */
export const isSuccess = ({ status }: Call) => status !== undefined && status >= 200 && status < 300;

/** Whether it was this that was asked for, and may have taken effect. */
export function isPossible({ what, answer }: Change, wanted: Change['what']): boolean {
  return what === wanted && answer.kind !== 'refused';
}
