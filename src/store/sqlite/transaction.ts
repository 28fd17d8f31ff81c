import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { commitFault, runFault } from './faults.ts';

/** BEGIN … COMMIT around one piece of work after another. */
export class Transaction {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;

  constructor(database: DatabaseSync, { path, begin }: { path: string; begin: 'BEGIN' | 'BEGIN IMMEDIATE' }) {
    this.#database = database;
    this.#path = path;
    this.#begin = database.prepare(begin);
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
  }

  /**
   * Runs `work` and commits. Throws a PunctualError, and then nothing was done, unless its code is `commit_unknown`. Any other error is
   * that of a rollback: the connection is of no more use.
   */
  run<Result>(work: () => Result): Result {
    const result = this.#attempt(() => {
      this.#begin.run();
      return work();
    }, runFault);
    this.#attempt(() => this.#commit.run(), commitFault);
    return result;
  }

  #attempt<Result>(step: () => Result, fault: typeof runFault): Result {
    try {
      return step();
    } catch (error) {
      // SQLite has rolled back by itself after some errors, a full disk among them.
      if (this.#database.isTransaction) this.#rollback.run();
      throw fault(error, this.#path);
    }
  }
}
