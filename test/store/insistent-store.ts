import type { InsertResult, Store } from '../../src/store/store.ts';
import type { Timing } from '../../src/store/timing.ts';
import { type Wrap, wrapStore } from '../../src/store/wrap.ts';
import type { NewTimer } from '../../src/timer/timer.ts';
import { faultyStore, type Ordeal } from '../support/faulty-store.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Of these a repetition has the same effect and the same answer, at least as long as nobody else comes between. */
const repeatable: ReadonlySet<keyof Store> = new Set([
  'findKey',
  'get',
  'list',
  'begin',
  'extend',
  'settle',
  'counts',
  'audit',
  'beat',
  'controllers',
  'time',
]);

const delayMsMax = 2;

/**
 * A store at the far end of a bad connection, as it looks to a caller who insists. Each call is slow, and fails before anything is done.
 * Where the contract makes a repetition safe, it is then done, and its answer is lost. The answer of the last try counts. What may not
 * be repeated (a claim, a release, a change, a purge, a timer without a key) is done once.
 */
export function insistentStore(store: Store, clock: Timing): Store {
  const { fraction } = seededRandom(1);
  let fails: Ordeal['fails'];
  const delayMs = () => Math.floor(fraction() * (delayMsMax + 1));
  const faulty = faultyStore(store, {
    clock,
    ordealOf: () => ({ askMs: delayMs(), answerMs: delayMs(), ...(fails && { fails }) }),
  });
  /** The store is asked as soon as the call is made, so that concurrent calls do not mix up how they fail. */
  const tryOnce = <Result>(call: () => Promise<Result>, how?: Ordeal['fails']): Promise<Result> => {
    fails = how;
    return call();
  };
  const insist: Wrap =
    (verb, call) =>
    async (...args) => {
      await failed(tryOnce(() => call(...args), 'before'));
      const isSafe = repeatable.has(verb) || (verb === 'insert' && haveKeys(args[0] as readonly NewTimer[]));
      if (isSafe) await failed(tryOnce(() => call(...args), 'after'));
      return tryOnce(() => call(...args));
    };
  const insistent = wrapStore(() => faulty, insist);
  return finishedOnClose({
    ...insistent,
    insert: async (timers) => asOfTheFirstTry(timers, await insistent.insert(timers)),
  });
}

/** Waits for a try that nobody needs the answer of. Where the store itself fails, the last try says so. */
async function failed(attempt: Promise<unknown>): Promise<void> {
  const isAnswered = await attempt.then(
    () => true,
    () => false,
  );
  if (isAnswered) throw new Error('an answer came that was to be lost');
}

function haveKeys(timers: readonly NewTimer[]): boolean {
  return timers.length > 0 && timers.every(({ idempotency }) => idempotency !== null);
}

/** A timer that an earlier try of the same call has created is met under the id that it came with. */
function asOfTheFirstTry(timers: readonly NewTimer[], results: readonly InsertResult[]): InsertResult[] {
  return results.map((result, index) => {
    const isOwn = result.kind === 'existing' && result.id === timers[index]!.id;
    return isOwn ? { kind: 'created', id: result.id } : result;
  });
}

/** Calls that are still on their way to the store count as under way. */
function finishedOnClose(store: Store): Store {
  const underWay = new Set<Promise<unknown>>();
  return wrapStore(
    () => store,
    (verb, call) =>
      async (...args) => {
        if (verb === 'close') await Promise.allSettled(underWay);
        const promise = call(...args);
        underWay.add(promise);
        return promise.finally(() => underWay.delete(promise));
      },
  );
}
