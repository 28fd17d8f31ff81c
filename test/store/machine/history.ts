import { isDeepStrictEqual } from 'node:util';
import type { Claimed } from '../../../src/store/store.ts';
import type { Timer } from '../../../src/timer/timer.ts';
import { claimable, outcomes, purgeable, type State, take, without } from './machine.ts';
import { type Answer, isSameAnswer, type Operation } from './operation.ts';

/** An operation that a store has done. What came between `askedAt` and `answeredAt` may have come before it or after it. */
export interface Event {
  readonly operation: Operation;
  readonly answer: Answer;
  /** Numbers that go up with time. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/**
 * Whether there is an order in which these operations, one after another, give these answers, and which agrees with the order of those
 * of which one ended before the other began: then nobody can tell that they were made at once (linearizability, Herlihy and Wing 1990).
 * The entries of a batch that are told one by one what became of them count one by one.
 */
export function isExplained(state: State, events: readonly Event[]): boolean {
  return canGoOn(state, events.flatMap(entriesOf), new Set());
}

function canGoOn(state: State, rest: readonly Event[], failed: Set<string>): boolean {
  if (rest.length === 0) return true;
  const name = nameOf(state, rest);
  if (failed.has(name)) return false;
  const firstAnsweredAt = Math.min(...rest.map(({ answeredAt }) => answeredAt));
  const isPossible = rest
    .filter(({ askedAt }) => askedAt <= firstAnsweredAt)
    .some((event) => {
      const others = rest.filter((other) => other !== event);
      return statesAfter(state, event).some((after) => canGoOn(after, others, failed));
    });
  if (!isPossible) failed.add(name);
  return isPossible;
}

function nameOf({ timers, keys, purged }: State, rest: readonly Event[]): string {
  const kept = [...timers.values()].toSorted((one, other) => (one.timer.id < other.timer.id ? -1 : 1));
  return JSON.stringify([rest, kept, [...keys].toSorted(), purged]);
}

function entriesOf(event: Event): Event[] {
  const { operation, answer } = event;
  const split = <Entry>(entries: readonly Entry[], make: (entry: Entry) => Operation): Event[] =>
    entries.map((entry, index) => ({ ...event, operation: make(entry), answer: [(answer as never[])[index]!] }));
  switch (operation.verb) {
    case 'begin':
      return split(operation.holds, (hold) => ({ ...operation, holds: [hold] }));
    case 'extend':
      return split(operation.holds, (hold) => ({ ...operation, holds: [hold] }));
    case 'release':
      return split(operation.releases, (release) => ({ ...operation, releases: [release] }));
    case 'settle':
      return split(operation.settlements, (settlement) => ({ ...operation, settlements: [settlement] }));
    default:
      return [event];
  }
}

/** What the store may have after the operation, where it had this state and gave this answer; none where it could not. */
function statesAfter(state: State, { operation, answer }: Event): State[] {
  if (operation.verb === 'claim') return afterClaim(state, operation, answer as Claimed[]);
  if (operation.verb === 'purge') return afterPurge(state, operation, answer as number);
  return outcomes(state, operation)
    .filter(([, expected]) => isSameAnswer(expected, answer))
    .map(([after]) => after);
}

/** What others are claiming or writing at the moment, a claim may pass over; but what it takes must have been there to take. */
function afterClaim(state: State, { request }: Operation & { verb: 'claim' }, claimed: readonly Claimed[]): State[] {
  const ids = new Set(claimed.map(({ timer }) => timer.id));
  const wanted = claimable(state, request).filter(({ timer }) => ids.has(timer.id));
  const [after, expected] = take(state, request, wanted);
  return wanted.length <= request.limit && isDeepStrictEqual(expected, claimed) ? [after] : [];
}

/** A purge may pass over what others are writing, too, and says only how many it took. */
function afterPurge(state: State, { request }: Operation & { verb: 'purge' }, purged: number): State[] {
  if (purged > request.limit) return [];
  return subsetsOf(purgeable(state, request.endedBefore), purged).map((old) => without(state, old));
}

function subsetsOf(timers: readonly Timer[], size: number): Timer[][] {
  if (size === 0) return [[]];
  return timers.flatMap((first, index) =>
    subsetsOf(timers.slice(index + 1), size - 1).map((others) => [first, ...others]),
  );
}
