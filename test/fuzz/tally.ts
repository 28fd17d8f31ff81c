import type { Figure } from '../support/report.ts';

/** So many faults are told in full. */
const faultsMax = 20;

/** What came of the requests so far. */
export class Tally {
  readonly #byOperation = new Map<string, Map<string, number>>();
  readonly #faults: string[] = [];
  #faultCount = 0;
  requests = 0;
  valid = 0;
  /** Of the valid ones. */
  taken = 0;
  /** Timers that answers said were stored. */
  created = 0;

  /** `outcome` is a status, or a word where there was none. */
  note(operation: string, outcome: number | string): void {
    const outcomes = this.#byOperation.get(operation) ?? new Map();
    this.#byOperation.set(operation, outcomes);
    outcomes.set(String(outcome), (outcomes.get(String(outcome)) ?? 0) + 1);
  }

  noteValid(wasTaken: boolean): void {
    this.valid += 1;
    if (wasTaken) this.taken += 1;
  }

  fault(story: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < faultsMax) this.#faults.push(story);
  }

  get faults(): string[] {
    const untold = this.#faultCount - this.#faults.length;
    return untold > 0 ? [...this.#faults, `and ${untold} more like these`] : [...this.#faults];
  }

  /** Rows by operation, a column for each outcome. */
  byOperation(): Record<string, Record<string, Figure>> {
    const rows = [...this.#byOperation].sort(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(rows.map(([operation, outcomes]) => [operation, Object.fromEntries(outcomes)]));
  }

  /** How many answers had this outcome, over all operations. */
  byOutcome(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const outcomes of this.#byOperation.values()) {
      for (const [outcome, count] of outcomes) sums[outcome] = (sums[outcome] ?? 0) + count;
    }
    return sums;
  }
}
