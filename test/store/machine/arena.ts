import assert from 'node:assert/strict';
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

  /**
   * Runs `work` on stores in which there is nothing but the count of what was purged, and empties them by their own verbs. One run at a
   * time.
   */
  async use(work: (scene: Scene) => Promise<void>): Promise<void> {
    // A store in memory would never let others come to their turn, whose connections would then time out.
    await new Promise(setImmediate);
    if (this.#stores.length === 0) this.#stores = await this.#open(this.#context);
    try {
      const { purged } = await this.#stores[0]!.counts(t0);
      await work({ stores: this.#stores, state: emptyState(purged) });
      await purgeAll(this.#stores[0]!);
    } catch (error) {
      // What the defect has left there is not for the next runs, which look for a smaller case of it.
      this.#stores = [];
      throw error;
    }
  }
}

/** Ends all timers and purges them. */
async function purgeAll(store: Store): Promise<void> {
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
  assert.equal(accepted, purged, 'what there is can be ended and purged');
}
