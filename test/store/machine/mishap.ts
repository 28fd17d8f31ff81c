import type { Store } from '../../../src/store/store.ts';
import { PunctualError } from '../../../src/timer/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import type { Answer } from './operation.ts';

/**
 * How a call goes wrong: `before` it is done, and the caller learns that; `after` it was done, and the caller learns nothing; `lost` it
 * was not done, and the caller learns nothing either.
 */
export type Mishap = 'none' | 'before' | 'after' | 'lost';

/** What a caller learns of its call. */
export type Told = { readonly kind: 'answer'; readonly answer: Answer } | { readonly kind: 'nothing done' | 'unknown' };

/** Nothing is under way for any time here. */
const clock = new FakeClock();

/** Makes a call in which this happens. Throws what no store may throw. */
export async function callWith(mishap: Mishap, store: Store, call: (store: Store) => Promise<Answer>): Promise<Told> {
  const fails = mishap === 'lost' ? 'before' : mishap;
  const faulty = fails === 'none' ? store : faultyStore(store, { clock, ordealOf: () => ({ fails }) });
  try {
    return { kind: 'answer', answer: await call(faulty) };
  } catch (error) {
    const code = error instanceof PunctualError ? error.code : undefined;
    if (code !== 'commit_unknown' && code !== 'store_unavailable') throw error;
    return { kind: code === 'commit_unknown' || mishap === 'lost' ? 'unknown' : 'nothing done' };
  }
}
