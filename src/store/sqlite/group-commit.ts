import { PunctualError } from '../../timer/errors.ts';
import { toWire } from './faults.ts';
import type { Answer, Call } from './protocol.ts';
import type { Transaction } from './transaction.ts';
import type { Writes } from './writes.ts';

/** Runs calls that wait at the same time in one transaction: one fsync for them all. */
export class GroupCommit {
  readonly #writes: Writes;
  readonly #transaction: Transaction;

  constructor(writes: Writes, transaction: Transaction) {
    this.#writes = writes;
    this.#transaction = transaction;
  }

  /**
   * Every call's answer, in their order. Where one fails, each is run in a transaction of its own, so that it fails alone. Where none can
   * begin, all are refused at once: each alone would wait for the same lock again.
   */
  run(calls: readonly Call[]): Answer[] {
    try {
      this.#transaction.begin();
    } catch (error) {
      return refuse(calls, error);
    }
    try {
      return this.#runTogether(calls);
    } catch (error) {
      // Running again what may have been committed could do it twice.
      const rerun = calls.length > 1 && error instanceof PunctualError && error.code !== 'commit_unknown';
      return rerun ? calls.flatMap((call) => this.run([call])) : refuse(calls, error);
    }
  }

  #runTogether(calls: readonly Call[]): Answer[] {
    // What a transaction that failed left behind.
    this.#writes.forget();
    return this.#transaction.finish(() => {
      const answers = calls.map((call): Answer => [call[0], null, invoke(this.#writes, call)]);
      this.#writes.writeLedger();
      return answers;
    });
  }
}

/** The same error for every call. Throws it where it is none of ours: the connection is of no more use. */
function refuse(calls: readonly Call[], error: unknown): Answer[] {
  if (!(error instanceof PunctualError)) throw error;
  return calls.map(([number]) => [number, toWire(error), undefined]);
}

/** Calls the verb; `Call` says no more of its arguments than that they belong to it. */
export function invoke(verbs: object, [, verb, args]: Call): unknown {
  return (verbs as Record<string, (...args: readonly unknown[]) => unknown>)[verb]!(...args);
}
