import { specBytes } from '../timer/spec-bytes.ts';
import type { NewTimer } from '../timer/timer.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import type { InsertResult, Store } from './store.ts';
import { wrapStore } from './wrap.ts';

export interface GroupedInsertsOptions
  extends Pick<BatcherOptions<NewTimer, InsertResult>, 'clock' | 'batchMax' | 'queuedMax' | 'waitMsMax'> {
  /** At most this many bytes of specs wait; more are refused. */
  readonly queuedBytesMax: number;
}

/** A store behind an insert queue, and how many timers wait in it. */
export interface GroupedStore {
  readonly store: Store;
  readonly queued: () => number;
}

/**
 * The same store with a queue in front of its inserts: those that come together share a commit, and what does not fit, or waits too long,
 * is refused with `overloaded`.
 */
export function groupedInserts(store: Store, { queuedBytesMax, ...options }: GroupedInsertsOptions): GroupedStore {
  const queue = new Batcher<NewTimer, InsertResult>({
    ...options,
    run: (timers) => store.insert(timers),
    queuedBytes: { max: queuedBytesMax, of: ({ spec }) => specBytes(spec) },
  });
  const grouped = wrapStore(
    () => store,
    (_verb, call) => call,
  );
  return { store: { ...grouped, insert: (timers) => queue.addAll(timers) }, queued: () => queue.length };
}
