import type { Store } from '../../../src/store/store.ts';
import { holdOf, type TestContext, t0 } from '../conformance.ts';
import { emptyState, type State } from './machine.ts';

/** The stores of a database, with what it has. */
export interface Scene {
  readonly stores: readonly Store[];
  readonly state: State;
}

const farAt = t0 + 1e9;

/** One database for run after run, since making one takes longer than most runs. */
export class Arena {
  readonly #context: TestContext;
  readonly #open: (context: TestContext) => Promise<Store[]>;
  #stores: Store[] = [];

  constructor(context: TestContext, open: (context: TestContext) => Promise<Store[]>) {
    this.#context = context;
    this.#open = open;
  }

  /** Stores in which there is nothing but the count of what was purged. Nobody may be using them. */
  async clear(): Promise<Scene> {
    const purged = this.#stores[0] && (await purgeAll(this.#stores[0]).catch(() => undefined));
    if (purged !== undefined) return { stores: this.#stores, state: emptyState(purged) };
    // What cannot be emptied by the verbs of the store is the defect that a failing run has found: the next ones do not inherit it.
    this.#stores = await this.#open(this.#context);
    return { stores: this.#stores, state: emptyState(0) };
  }
}

/** Ends all timers and purges them. Gives how many were purged ever; undefined where some are left. */
async function purgeAll(store: Store): Promise<number | undefined> {
  const claimed = await store.claim({
    owner: 'sweeper',
    nowMs: farAt,
    horizonAt: farAt,
    leaseUntil: farAt,
    limit: 1_000,
    bytesMax: 1e9,
    expiredBy: farAt,
  });
  const next = { ended: { status: 'failed', at: t0 } } as const;
  await store.settle(
    claimed.map(({ timer }) => ({
      ...holdOf(timer),
      settlement: { attempts: timer.attempts, attemptsMade: timer.attemptsMade, attemptsMax: timer.attemptsMax, next },
    })),
  );
  await store.purge({ endedBefore: farAt, limit: 1_000 });
  const { accepted, purged } = await store.counts(t0);
  return accepted === purged ? purged : undefined;
}
