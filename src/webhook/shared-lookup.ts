import type { LookupFunction } from 'node:net';

type Callback = Parameters<LookupFunction>[2];

/**
 * Lets everybody who asks for the same name at the same time share one query. The system's resolver has a handful of threads for all names
 * together (libuv's pool): without this, one name whose servers do not answer would take them all, and one busy destination that opens
 * its connections would queue up behind itself.
 */
export function sharedLookup(lookup: LookupFunction): LookupFunction {
  const asking = new Map<string, Callback[]>();
  return (hostname, options, callback) => {
    const key = `${hostname} ${options.family ?? 0} ${options.hints ?? 0} ${options.all ?? false}`;
    const waiting = asking.get(key);
    if (waiting) {
      waiting.push(callback);
      return;
    }
    const callbacks = [callback];
    asking.set(key, callbacks);
    lookup(hostname, options, (...answer) => {
      asking.delete(key);
      for (const each of callbacks) each(...answer);
    });
  };
}
