import type { Store } from './store.ts';

type Call<Args extends unknown[], Result> = (...args: Args) => Promise<Result>;

/** Puts something around one verb of a store; `call` is the verb itself. */
export type Wrap = <Args extends unknown[], Result>(verb: keyof Store, call: Call<Args, Result>) => Call<Args, Result>;

/** A store, each verb as `wrap` makes it. `of` gives the store when a verb is called; what it throws the verb rejects with. */
export function wrapStore(of: () => Store, wrap: Wrap): Store {
  return {
    insert: wrap('insert', async (...args) => of().insert(...args)),
    findKey: wrap('findKey', async (...args) => of().findKey(...args)),
    get: wrap('get', async (...args) => of().get(...args)),
    list: wrap('list', async (...args) => of().list(...args)),
    change: wrap('change', async (...args) => of().change(...args)),
    claim: wrap('claim', async (...args) => of().claim(...args)),
    begin: wrap('begin', async (...args) => of().begin(...args)),
    extend: wrap('extend', async (...args) => of().extend(...args)),
    settle: wrap('settle', async (...args) => of().settle(...args)),
    release: wrap('release', async (...args) => of().release(...args)),
    purge: wrap('purge', async (...args) => of().purge(...args)),
    counts: wrap('counts', async (...args) => of().counts(...args)),
    audit: wrap('audit', async (...args) => of().audit(...args)),
    beat: wrap('beat', async (...args) => of().beat(...args)),
    controllers: wrap('controllers', async (...args) => of().controllers(...args)),
    time: wrap('time', async (...args) => of().time(...args)),
    close: wrap('close', async (...args) => of().close(...args)),
  };
}
