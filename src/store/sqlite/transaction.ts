import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { commitFault, runFault } from './faults.ts';

export interface TransactionOptions {
  /** Of the database, for messages. */
  readonly path: string;
  readonly begin: 'BEGIN' | 'BEGIN IMMEDIATE';
  /** Throws a PunctualError where no transaction may begin any more. */
  readonly check?: () => void;
}

/** BEGIN … COMMIT around one piece of work after another. */
export class Transaction {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #check: () => void;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;

  constructor(database: DatabaseSync, { path, begin, check = () => {} }: TransactionOptions) {
    this.#database = database;
    this.#path = path;
    this.#check = check;
    this.#begin = database.prepare(begin);
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
  }

  /**
   * Runs `work` and commits. Throws a PunctualError, and then nothing was done, unless its code is `commit_unknown`. Any other error is
   * that of a rollback: the connection is of no more use.
   */
  run<Result>(work: () => Result): Result {
    this.begin();
    return this.finish(work);
  }

  /** The first half of `run`. Throws a PunctualError, and then nothing has begun. */
  begin(): void {
    this.#attempt(() => {
      this.#check();
      this.#begin.run();
    }, runFault);
  }

  /** The second half of `run`, which throws as it does. */
  finish<Result>(work: () => Result): Result {
    const result = this.#attempt(work, runFault);
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
