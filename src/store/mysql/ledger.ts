import { randomBytes } from 'node:crypto';
import type { EndedStatus } from '../../timer/timer.ts';
import type { Connections } from './connections.ts';
import { addToLedger, deleteFolded, foldable, type LedgerColumns } from './statements/ledger.ts';

type Counter = 'accepted' | 'open' | EndedStatus | 'purged';
type Deltas = Record<Counter, number>;

const noDeltas: Deltas = { accepted: 0, open: 0, done: 0, failed: 0, cancelled: 0, uncertain: 0, purged: 0 };

/** After so many transactions that wrote to the ledger, a process folds some of its rows. */
const foldEvery = 200;
/** So many rows are folded at a time. */
const foldRows = 500;

/** What one transaction changes in the ledger. */
export class LedgerEntry {
  readonly #buckets = new Map<number, Deltas>();

  /** Notes new timers. */
  accept(bucket: number, count: number): void {
    const deltas = this.#of(bucket);
    deltas.accepted += count;
    deltas.open += count;
  }

  /** Notes that a timer went from one state to another; null for open. */
  move(bucket: number, from: EndedStatus | null, to: EndedStatus | null): void {
    const deltas = this.#of(bucket);
    deltas[from ?? 'open']--;
    deltas[to ?? 'open']++;
  }

  /** Notes that an ended timer was deleted. */
  purge(bucket: number, from: EndedStatus): void {
    const deltas = this.#of(bucket);
    deltas[from]--;
    deltas.purged++;
  }

  /** What writes it: one statement, or none where nothing has changed. */
  statements(): string[] {
    const rows = [...this.#buckets]
      .filter(([, deltas]) => Object.values(deltas).some((delta) => delta !== 0))
      .map(([bucket, deltas]) => ledgerRow(bucket, deltas));
    return rows.length === 0 ? [] : [addToLedger(rows)];
  }

  #of(bucket: number): Deltas {
    const deltas = this.#buckets.get(bucket) ?? { ...noDeltas };
    this.#buckets.set(bucket, deltas);
    return deltas;
  }
}

/** The number of a row says nothing, and must be met by no other process's: system randomness, whatever a test seeds. */
function ledgerRow(bucket: number, deltas: Deltas): LedgerColumns {
  const { accepted, open, done, failed, cancelled, uncertain, purged } = deltas;
  return [bucket, randomBytes(16), accepted, open, done, failed, cancelled, uncertain, purged];
}

/** Keeps the ledger short: folds rows into their sum, now and then, in the background. */
export class LedgerFolder {
  readonly #connections: Connections;
  readonly #buckets: number;
  #unfolded = 0;
  #folding = false;

  constructor(connections: Connections, buckets: number) {
    this.#connections = connections;
    this.#buckets = buckets;
  }

  /** To be called after a transaction that may have written to the ledger. */
  noteWrite(): void {
    if (++this.#unfolded < foldEvery || this.#folding) return;
    this.#unfolded = 0;
    this.#folding = true;
    void this.#foldAll().finally(() => {
      this.#folding = false;
    });
  }

  async #foldAll(): Promise<void> {
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      // What fails is left to the next time.
      await fold(this.#connections, bucket).catch(() => undefined);
    }
  }
}

/** Puts the sum of a bucket's rows in their place, as far as nobody else is at them. The sums over all stay as they are. */
export function fold(connections: Connections, bucket: number): Promise<void> {
  return connections.transaction(async (transaction) => {
    const [found] = await transaction.run(foldable(bucket, foldRows));
    const rows = found!.rows as readonly [Buffer, ...number[]][];
    if (rows.length < 2) return;
    const total = { ...noDeltas };
    for (const [, ...numbers] of rows) {
      for (const [index, counter] of counters.entries()) total[counter] += numbers[index]!;
    }
    const seqs = rows.map(([seq]) => seq);
    await transaction.commit(deleteFolded(bucket, seqs), addToLedger([ledgerRow(bucket, total)]));
  });
}

/** In the order of the ledger's columns. */
const counters = Object.keys(noDeltas) as Counter[];
