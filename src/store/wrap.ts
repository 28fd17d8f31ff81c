import type { Store } from './store.ts';

type Call<Args extends unknown[], Result> = (...args: Args) => Promise<Result>;

/** Puts something around one verb of a store; `call` is the verb itself. */
export type Wrap = <Args extends unknown[], Result>(verb: keyof Store, call: Call<Args, Result>) => Call<Args, Result>;

/** The same store, each verb as `wrap` makes it. */
export function wrapStore(store: Store, wrap: Wrap): Store {
  return {
    insert: wrap('insert', (...args) => store.insert(...args)),
    findKey: wrap('findKey', (...args) => store.findKey(...args)),
    get: wrap('get', (...args) => store.get(...args)),
    list: wrap('list', (...args) => store.list(...args)),
    change: wrap('change', (...args) => store.change(...args)),
    claim: wrap('claim', (...args) => store.claim(...args)),
    begin: wrap('begin', (...args) => store.begin(...args)),
    extend: wrap('extend', (...args) => store.extend(...args)),
    settle: wrap('settle', (...args) => store.settle(...args)),
    release: wrap('release', (...args) => store.release(...args)),
    purge: wrap('purge', (...args) => store.purge(...args)),
    counts: wrap('counts', (...args) => store.counts(...args)),
    audit: wrap('audit', (...args) => store.audit(...args)),
    beat: wrap('beat', (...args) => store.beat(...args)),
    controllers: wrap('controllers', (...args) => store.controllers(...args)),
    time: wrap('time', () => store.time()),
    close: wrap('close', () => store.close()),
  };
}
