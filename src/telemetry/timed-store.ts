import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import { wrapStore } from '../store/wrap.ts';

/** The same store, with the time of every call told to `record`. */
export function timedStore(
  store: Store,
  clock: Clock,
  record: (verb: string, seconds: number, failed: boolean) => void,
): Store {
  return wrapStore(store, (verb, call) => async (...args) => {
    const startedAt = clock.monotonic();
    let failed = true;
    try {
      const result = await call(...args);
      failed = false;
      return result;
    } finally {
      record(verb, (clock.monotonic() - startedAt) / 1000, failed);
    }
  });
}
