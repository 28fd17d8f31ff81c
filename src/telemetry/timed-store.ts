import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';

/** The same store, with the time of every call told to `record`. */
export function timedStore(
  store: Store,
  clock: Clock,
  record: (verb: string, seconds: number, failed: boolean) => void,
): Store {
  const timed =
    <Args extends unknown[], R>(verb: string, call: (...args: Args) => Promise<R>) =>
    async (...args: Args): Promise<R> => {
      const startedAt = clock.monotonic();
      let failed = true;
      try {
        const result = await call.apply(store, args);
        failed = false;
        return result;
      } finally {
        record(verb, (clock.monotonic() - startedAt) / 1000, failed);
      }
    };
  return {
    insert: timed('insert', store.insert),
    get: timed('get', store.get),
    list: timed('list', store.list),
    change: timed('change', store.change),
    claim: timed('claim', store.claim),
    begin: timed('begin', store.begin),
    extend: timed('extend', store.extend),
    settle: timed('settle', store.settle),
    release: timed('release', store.release),
    purge: timed('purge', store.purge),
    counts: timed('counts', store.counts),
    audit: timed('audit', store.audit),
    time: timed('time', store.time),
    close: timed('close', store.close),
  };
}
