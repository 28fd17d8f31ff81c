import type { Store } from '../../src/store/store.ts';
import { pause, type Timing } from '../../src/store/timing.ts';
import { wrapStore } from '../../src/store/wrap.ts';
import { PunctualError } from '../../src/timer/errors.ts';

/** What befalls one call of a store on its way there and back. */
export interface Ordeal {
  /** How long the question is on its way, in milliseconds. */
  readonly askMs?: number;
  /** How long the answer is on its way, in milliseconds. */
  readonly answerMs?: number;
  /** `before`: it fails, and nothing was done. `after`: it was done, but the answer is lost. */
  readonly fails?: 'before' | 'after';
}

export interface FaultyStoreOptions {
  readonly clock: Timing;
  /** Asked at each call of a verb. */
  readonly ordealOf: (verb: keyof Store) => Ordeal;
}

/** What was read and got lost can be read again: of these it is no secret whether they were done. */
const reads: ReadonlySet<keyof Store> = new Set([
  'findKey',
  'get',
  'list',
  'counts',
  'audit',
  'controllers',
  'time',
  'close',
]);

/** The same store at the far end of a bad connection: fails as a real one would, with the errors of its contract. */
export function faultyStore(store: Store, { clock, ordealOf }: FaultyStoreOptions): Store {
  return wrapStore(
    () => store,
    (verb, call) =>
      async (...args) => {
        const { askMs, answerMs, fails } = ordealOf(verb);
        if (askMs) await pause(clock, askMs);
        if (fails === 'before') throw new PunctualError('store_unavailable');
        const result = await call(...args);
        if (answerMs) await pause(clock, answerMs);
        if (fails === 'after') throw answerLost(verb);
        return result;
      },
  );
}

/** What a lost answer means to who asked: a read can be repeated, of a write it is not known whether it was done. */
export function answerLost(verb: keyof Store): PunctualError {
  return new PunctualError(reads.has(verb) ? 'store_unavailable' : 'commit_unknown');
}
