import { isDeepStrictEqual } from 'node:util';
import type {
  Change,
  Claimed,
  ClaimRequest,
  Counts,
  HeldSettlement,
  Hold,
  HoldResult,
  InsertResult,
  KeyUse,
  Page,
  Release,
  Store,
} from '../../../src/store/store.ts';
import type { TimerId } from '../../../src/timer/id.ts';
import type { Idempotency, NewTimer, Timer } from '../../../src/timer/timer.ts';

/** A verb of the store with what it is asked. */
export type Operation =
  | { readonly verb: 'insert'; readonly timers: readonly NewTimer[] }
  | { readonly verb: 'claim'; readonly request: ClaimRequest }
  | { readonly verb: 'begin'; readonly holds: readonly Hold[] }
  | { readonly verb: 'extend'; readonly holds: readonly Hold[]; readonly untilAt: number }
  | { readonly verb: 'settle'; readonly settlements: readonly HeldSettlement[] }
  | { readonly verb: 'release'; readonly releases: readonly Release[] }
  | { readonly verb: 'change'; readonly change: Change }
  | { readonly verb: 'purge'; readonly request: { readonly endedBefore: number; readonly limit: number } }
  | { readonly verb: 'get'; readonly id: TimerId }
  | { readonly verb: 'findKey'; readonly idempotency: Idempotency }
  | { readonly verb: 'list'; readonly nowMs: number }
  | { readonly verb: 'counts'; readonly nowMs: number };

/** What the store says to an operation, as its verb gives it. */
export type Answer =
  | readonly InsertResult[]
  | readonly Claimed[]
  | readonly HoldResult[]
  | HoldResult
  | Timer
  | KeyUse
  | Page
  | Counts
  | number
  | undefined;

export const tenant = 'default';

/** More than any of these tests stores. */
const listLimit = 1_000;

export function perform(store: Store, operation: Operation): Promise<Answer> {
  switch (operation.verb) {
    case 'insert':
      return store.insert(operation.timers);
    case 'claim':
      return store.claim(operation.request);
    case 'begin':
      return store.begin(operation.holds);
    case 'extend':
      return store.extend(operation.holds, operation.untilAt);
    case 'settle':
      return store.settle(operation.settlements);
    case 'release':
      return store.release(operation.releases);
    case 'change':
      return store.change(operation.change);
    case 'purge':
      return store.purge(operation.request);
    case 'get':
      return store.get(operation.id);
    case 'findKey':
      return store.findKey(tenant, operation.idempotency);
    case 'list':
      return store.list({ tenant, nowMs: operation.nowMs, limit: listLimit });
    case 'counts':
      return store.counts(operation.nowMs);
  }
}

export function isSameAnswer(one: Answer, other: Answer): boolean {
  return isDeepStrictEqual(one, other);
}
