import { PunctualError } from '../../timer/errors.ts';
import { toWire } from './faults.ts';
import type { Answer, Call, Work } from './protocol.ts';
import type { Transaction } from './transaction.ts';
import type { Writes } from './writes.ts';

/** Runs calls that wait at the same time in one transaction: one fsync for them all. */
export class GroupCommit {
  readonly #writes: Writes;
  readonly #transaction: Transaction;
  #work: Work = { commits: 0, rows: 0 };

  constructor(writes: Writes, transaction: Transaction) {
    this.#writes = writes;
    this.#transaction = transaction;
  }

  /** What has been committed so far. */
  get work(): Work {
    return this.#work;
  }

  /** Every call's answer, in their order. Where one fails, each is run in a transaction of its own, so that it fails alone. */
  run(calls: readonly Call[]): Answer[] {
    try {
      return this.#runTogether(calls);
    } catch (error) {
      if (!(error instanceof PunctualError)) throw error;
      // Running again what may have been committed could do it twice.
      if (calls.length === 1 || error.code === 'commit_unknown') {
        return calls.map(([number]) => [number, toWire(error), undefined]);
      }
      return calls.flatMap((call) => this.run([call]));
    }
  }

  #runTogether(calls: readonly Call[]): Answer[] {
    // What a transaction that failed left behind.
    this.#writes.forget();
    const { answers, rows } = this.#transaction.run(() => ({
      answers: calls.map((call): Answer => [call[0], null, invoke(this.#writes, call)]),
      rows: this.#writes.writeLedger(),
    }));
    const { commits, rows: before } = this.#work;
    this.#work = { commits: commits + (rows > 0 ? 1 : 0), rows: before + rows };
    return answers;
  }
}

/** Calls the verb; `Call` says no more of its arguments than that they belong to it. */
export function invoke(verbs: object, [, verb, args]: Call): unknown {
  return (verbs as Record<string, (...args: readonly unknown[]) => unknown>)[verb]!(...args);
}
