import type { Destination } from '../timer/destination.ts';
import type { TimerId } from '../timer/id.ts';
import { attemptAt, type Status } from '../timer/timer.ts';
import { decodeSummary, decodeTags, type ListedRow, summaryRowOf } from './rows.ts';
import type { ListQuery, Page, TimerSummary } from './store.ts';

/** Whether a list shows the row. */
export function matches(
  [, tenant, dueAt, retryAt, , owner, , url, spec, status]: ListedRow<unknown>,
  query: ListQuery,
): boolean {
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

/** Rows of one bucket, of one table or of both, newest first: those before `before`, at most `limit`; fewer only at the end. */
export type ReadRows = (before: TimerId, limit: number) => Promise<ListedRow<TimerId>[]>;

/** Behind the id of every timer. */
const afterAllIds = 'ffffffff-ffff-ffff-ffff-ffffffffffff' as TimerId;

/** So many rows are read at a time. */
const rowsAtOnce = 500;

/** A walk down one bucket, with the rows that have been read ahead. */
class Walk {
  readonly #read: ReadRows;
  #rows: ListedRow<TimerId>[] = [];
  #at = 0;
  #before: TimerId;
  #ended = false;

  constructor(read: ReadRows, before: TimerId) {
    this.#read = read;
    this.#before = before;
  }

  /** The next row, which stays the next one until `pass`; undefined at the end. */
  get next(): ListedRow<TimerId> | undefined {
    return this.#rows[this.#at];
  }

  pass(): void {
    this.#at++;
  }

  /** Reads more where nothing is left that was read ahead. */
  async fill(): Promise<void> {
    if (this.next || this.#ended) return;
    this.#rows = await this.#read(this.#before, rowsAtOnce);
    this.#at = 0;
    this.#ended = this.#rows.length < rowsAtOnce;
    this.#before = this.#rows.at(-1)?.[0] ?? this.#before;
  }
}

/** A page over several tables and buckets in one order, newest first. Looks at no more than `rowsMax` rows. */
export async function listRows(query: ListQuery, reads: readonly ReadRows[], rowsMax: number): Promise<Page> {
  const walks = reads.map((read) => new Walk(read, query.before ?? afterAllIds));
  const timers: TimerSummary[] = [];
  let last: TimerId | null = null;
  for (let looked = 0; ; looked++) {
    await Promise.all(walks.map((walk) => walk.fill()));
    const newest = walks.reduce((best, walk) => (isNewer(walk.next, best.next) ? walk : best), walks[0]!);
    const row = newest.next;
    if (!row) return { timers, next: null, missing: [] };
    if (timers.length >= query.limit || looked >= rowsMax) return { timers, next: last, missing: [] };
    if (matches(row, query)) timers.push(decodeSummary(summaryRowOf(row)));
    [last] = row;
    newest.pass();
  }
}

function isNewer(one: ListedRow<TimerId> | undefined, other: ListedRow<TimerId> | undefined): boolean {
  return one !== undefined && (other === undefined || one[0] > other[0]);
}
