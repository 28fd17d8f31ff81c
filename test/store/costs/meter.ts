import type { Store } from '../../../src/store/store.ts';
import type { TestContext } from '../conformance.ts';

/** What a database did. */
export interface Work {
  /** How often each statement ran, by its text, or by its kind where the engine tells no more. BEGIN and COMMIT are statements too. */
  readonly statements: ReadonlyMap<string, number>;
  /** A statement that no BEGIN precedes is a transaction of its own, also where it only reads. */
  readonly transactions: number;
  /** How often a file was forced to the disk (fsync). */
  readonly syncs: number;
}

/** Upkeep that the engine does now and then fell into what was counted. */
export class Disturbed extends Error {
  override readonly name = 'Disturbed';
}

/** Counts the work of one database. */
export interface Meter {
  /** What the database does while `act` uses a store on it, and for the counting, which is the same each time. Rejects with `Disturbed`. */
  watch(act: (store: Store) => Promise<unknown>): Promise<Work>;
}

/** An engine whose work can be counted. */
export interface MeteredEngine {
  readonly name: 'SQLite' | 'PostgreSQL' | 'MariaDB';
  /** Why it cannot be had here; false when it can. */
  readonly unavailable: string | false;
  /** A meter on an empty database, which ends with the test. */
  readonly open: (context: TestContext) => Promise<Meter>;
}

/** One that cannot be had, and why. */
export function without(name: MeteredEngine['name'], reason: string): MeteredEngine {
  return { name, unavailable: reason, open: () => Promise.reject(new Error(reason)) };
}

/** What `work` has more than `less`. */
export function difference(work: Work, less: Work): Work {
  const texts = new Set([...work.statements.keys(), ...less.statements.keys()]);
  const counts = [...texts].map((text) => {
    return [text, (work.statements.get(text) ?? 0) - (less.statements.get(text) ?? 0)] as const;
  });
  return {
    statements: new Map(counts.filter(([, count]) => count !== 0)),
    transactions: work.transactions - less.transactions,
    syncs: work.syncs - less.syncs,
  };
}
