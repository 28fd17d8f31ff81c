import type { DatabaseSync } from 'node:sqlite';
import type { Destination } from '../../timer/destination.ts';
import { idFromBytes, idToBytes, type TimerId } from '../../timer/id.ts';
import { attemptAt, type Status } from '../../timer/timer.ts';
import type { Counts, ListQuery } from '../store.ts';
import type { ReadVerbs } from './protocol.ts';
import {
  decodeTags,
  type ListedRow,
  rowOf,
  type StoredRow,
  type SummaryRow,
  summaryRowOf,
  type TimerRow,
} from './rows.ts';
import { type Prepared, prepareAll, readStatements } from './statements.ts';

/** The reading verbs. They run inside a transaction that the caller begins, so that each sees one moment of the database. */
export class Reads implements ReadVerbs {
  readonly #statements: Prepared<keyof typeof readStatements>;
  readonly #listRowsMax: number;

  constructor(database: DatabaseSync, listRowsMax: number) {
    this.#statements = prepareAll(database, readStatements);
    this.#listRowsMax = listRowsMax;
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
      last = row[0];
      if (matches(row, query)) rows.push(summaryRowOf(row));
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

  #withOpen(
    nowMs: number,
    open: number,
    rest: Omit<Counts, 'waiting' | 'executing' | 'overdue' | 'oldestOverdueAt'>,
  ): Counts {
    const executing = numbers(this.#statements.countExecuting.get(nowMs))[0]!;
    const [overdue, oldest] = this.#statements.countOverdue.get(nowMs) as unknown as [number, number | null];
    return { ...rest, waiting: open - executing, executing, overdue, oldestOverdueAt: oldest };
  }

  /** Open and ended timers in one order. Where the status asked for rules one table out, only the other is read. */
  *#newestFirst({ before, status }: ListQuery): Generator<ListedRow> {
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

/** Longer than any id, and so behind them all. */
const afterAllIds = new Uint8Array(17).fill(0xff);

function listed({ done, value }: IteratorResult<unknown, unknown>): ListedRow | undefined {
  return done ? undefined : (value as ListedRow);
}

function numbers(row: unknown): readonly number[] {
  return row as readonly number[];
}

function matches([, tenant, dueAt, retryAt, , owner, , url, spec, status]: ListedRow, query: ListQuery): boolean {
  return (
    tenant === query.tenant &&
    (query.status === undefined || query.status === (status ?? openStatus())) &&
    (query.destination === undefined || isFor(url, query.destination)) &&
    (query.tag === undefined || decodeTags(spec).includes(query.tag)) &&
    (query.dueFrom === undefined || dueAt >= query.dueFrom) &&
    (query.dueTo === undefined || dueAt < query.dueTo)
  );

  function openStatus(): Status {
    return owner !== null && attemptAt({ dueAt, retryAt }) <= query.nowMs ? 'executing' : 'waiting';
  }
}

/** A URL as `Spec` has it always has a slash behind its destination. */
function isFor(url: string, destination: Destination): boolean {
  return url.startsWith(destination) && url[destination.length] === '/';
}
