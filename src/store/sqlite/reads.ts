import type { DatabaseSync } from 'node:sqlite';
import { idFromBytes, idToBytes, type TimerId } from '../../timer/id.ts';
import { matches } from '../listing.ts';
import { type ListedRow, rowOf, type StoredRow, type SummaryRow, summaryRowOf, type TimerRow } from '../rows.ts';
import type { ControllerSeen, Counts, KeyUse, ListQuery } from '../store.ts';
import type { ReadVerbs } from './protocol.ts';
import { type Prepared, prepareAll, readStatements } from './statements.ts';

/** The reading verbs. They run inside a transaction that the caller begins, so that each sees one moment of the database. */
export class Reads implements ReadVerbs {
  readonly #statements: Prepared<keyof typeof readStatements>;
  readonly #listRowsMax: number;

  constructor(database: DatabaseSync, listRowsMax: number) {
    this.#statements = prepareAll(database, readStatements);
    this.#listRowsMax = listRowsMax;
  }

  findKey(tenant: string, key: string, fingerprint: string): KeyUse | undefined {
    return keyUse(this.#statements.findKey.get(tenant, key), fingerprint);
  }

  get(id: TimerId): TimerRow | undefined {
    const { getOpen, getEnded } = this.#statements;
    const bytes = idToBytes(id);
    const row = getOpen.get(bytes) ?? getEnded.get(bytes);
    return row && rowOf(row as unknown as StoredRow);
  }

  list(query: ListQuery): { rows: SummaryRow[]; next: TimerId | null } {
    const rows: SummaryRow[] = [];
    let read = 0;
    let last: Uint8Array | undefined;
    for (const row of this.#newestFirst(query)) {
      if (rows.length >= query.limit || read >= this.#listRowsMax) {
        return { rows, next: last ? idFromBytes(last) : null };
      }
      read++;
      const [id, ...columns] = row;
      last = id;
      if (matches(row, query)) rows.push(summaryRowOf([idFromBytes(id), ...columns]));
    }
    return { rows, next: null };
  }

  counts(nowMs: number): Counts {
    const [accepted, open, done, failed, cancelled, uncertain, purged] = numbers(this.#statements.ledger.get());
    return this.#withOpen(nowMs, open!, {
      accepted: accepted!,
      done: done!,
      failed: failed!,
      cancelled: cancelled!,
      uncertain: uncertain!,
      purged: purged!,
    });
  }

  audit(nowMs: number): Counts {
    const [open] = numbers(this.#statements.auditOpen.get());
    const [ended, done, failed, cancelled, uncertain] = numbers(this.#statements.auditEnded.get());
    // Purged timers have left no rows to count.
    const purged = numbers(this.#statements.ledger.get())[6]!;
    return this.#withOpen(nowMs, open!, {
      accepted: open! + ended! + purged,
      done: done!,
      failed: failed!,
      cancelled: cancelled!,
      uncertain: uncertain!,
      purged,
    });
  }

  controllers(since: number): ControllerSeen[] {
    const rows = this.#statements.controllers.all(since) as unknown as [string, number, number][];
    return rows.map(([owner, startedAt, seenAt]) => ({ owner, startedAt, seenAt }));
  }

  #withOpen(
    nowMs: number,
    open: number,
    rest: Omit<Counts, 'waiting' | 'executing' | 'overdue' | 'oldestOverdueAt' | 'missing'>,
  ): Counts {
    const executing = numbers(this.#statements.countExecuting.get(nowMs))[0]!;
    const [overdue, oldest] = this.#statements.countOverdue.get(nowMs) as unknown as [number, number | null];
    return { ...rest, waiting: open - executing, executing, overdue, oldestOverdueAt: oldest, missing: [] };
  }

  /** Open and ended timers in one order. Where the status asked for rules one table out, only the other is read. */
  *#newestFirst({ before, status }: ListQuery): Generator<ListedRow<Uint8Array>> {
    const cursor = before === undefined ? afterAllIds : idToBytes(before);
    const open = status === undefined || status === 'waiting' || status === 'executing';
    const ended = status === undefined || !open;
    const opens = open ? this.#statements.listOpen.iterate(cursor) : [][Symbol.iterator]();
    const endeds = ended ? this.#statements.listEnded.iterate(cursor) : [][Symbol.iterator]();
    try {
      let left = listed(opens.next());
      let right = listed(endeds.next());
      while (left || right) {
        if (left && (!right || Buffer.compare(left[0], right[0]) > 0)) {
          yield left;
          left = listed(opens.next());
        } else {
          yield right!;
          right = listed(endeds.next());
        }
      }
    } finally {
      opens.return?.();
      endeds.return?.();
    }
  }
}

/** What the row of `findKey`, if there is one, means for a request with this fingerprint. */
export function keyUse(row: unknown, fingerprint: string): KeyUse | undefined {
  if (row === undefined) return undefined;
  const [id, first, dueAt] = row as [Uint8Array, string, number];
  if (first !== fingerprint) return { kind: 'conflict', id: idFromBytes(id) };
  return { kind: 'existing', id: idFromBytes(id), dueAt };
}

/** Longer than any id, and so behind them all. */
const afterAllIds = new Uint8Array(17).fill(0xff);

function listed({ done, value }: IteratorResult<unknown, unknown>): ListedRow<Uint8Array> | undefined {
  return done ? undefined : (value as ListedRow<Uint8Array>);
}

function numbers(row: unknown): readonly number[] {
  return row as readonly number[];
}
