import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import { wrapStore } from '../store/wrap.ts';

/** What became of a call to a store. */
export interface StoreCall {
  readonly verb: keyof Store;
  readonly seconds: number;
  /** What it threw, if it did. */
  readonly error?: unknown;
}

/** The same store, with every call told to `record`. */
export function timedStore(store: Store, clock: Clock, record: (call: StoreCall) => void): Store {
  return wrapStore(
    () => store,
    (verb, call) =>
      async (...args) => {
        const startedAt = clock.monotonic();
        const seconds = () => (clock.monotonic() - startedAt) / 1000;
        try {
          const result = await call(...args);
          record({ verb, seconds: seconds() });
          return result;
        } catch (error) {
          record({ verb, seconds: seconds(), error });
          throw error;
        }
      },
  );
}
