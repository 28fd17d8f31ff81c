import type { Store } from '../../src/store/store.ts';
import { FakeClock } from './fake-clock.ts';
import { faultyStore, type Ordeal } from './faulty-store.ts';

/** How calls fail: not at all, before anything is done, or after it was done but without an answer that says so. */
export type Fault = 'none' | NonNullable<Ordeal['fails']>;

type Verb = Exclude<keyof Store, 'close'>;

/** A store with a bad connection: each verb fails as the test says at that moment. */
export interface FlakyStore extends Store {
  /** What was called. */
  readonly calls: Verb[];
  /** From now on the verb, or every verb, fails so. */
  fail(fault: Fault, verb?: Verb): void;
}

/** A faulty store that fails at a test's command, until the test says otherwise. It can always be closed. */
export function flakyStore(inner: Store): FlakyStore {
  const calls: Verb[] = [];
  const faults = new Map<Verb, Fault>();
  let allFault: Fault = 'none';
  const ordealOf = (verb: keyof Store): Ordeal => {
    if (verb === 'close') return {};
    calls.push(verb);
    const fails = faults.get(verb) ?? allFault;
    return fails === 'none' ? {} : { fails };
  };
  return {
    // Nothing is under way for any time, so that its clock need not go.
    ...faultyStore(inner, { clock: new FakeClock(), ordealOf }),
    calls,
    fail(fault, verb) {
      if (verb) faults.set(verb, fault);
      else allFault = fault;
    },
  };
}
