import { idToBytes, type TimerId } from '../../timer/id.ts';
import { listRows, type ReadRows } from '../listing.ts';
import type { TimerRow } from '../rows.ts';
import type { ControllerSeen, Counts, ListQuery, Page } from '../store.ts';
import type { Connections } from './connections.ts';
import { listedRowOf, textOf, timerRowOf } from './rows.ts';
import type { Answer } from './session.ts';
import { findControllers } from './statements/controllers.ts';
import {
  auditEnded,
  auditOpen,
  countExecuting,
  countOverdue,
  getTimers,
  listEnded,
  listOpen,
  sumLedger,
} from './statements/reads.ts';

/** Of one bucket, in any order. */
export async function get(connections: Connections, bucket: number, ids: readonly TimerId[]): Promise<TimerRow[]> {
  const [found] = await connections.read(getTimers(bucket, ids.map(idToBytes)));
  return found!.rows.map(timerRowOf);
}

/** A page of one moment: a timer that ends while it is read is neither missed nor met twice. */
export function list(
  connections: Connections,
  query: ListQuery,
  { buckets, rowsMax }: { buckets: number; rowsMax: number },
): Promise<Page> {
  const open = query.status === undefined || query.status === 'waiting' || query.status === 'executing';
  const ended = query.status === undefined || !open;
  const walks = [...(open ? [listOpen] : []), ...(ended ? [listEnded] : [])];
  return connections.snapshot((transaction) => {
    const reads = walks.flatMap((walk) =>
      Array.from(
        { length: buckets },
        (_, bucket): ReadRows =>
          async (before, limit) => {
            const [answer] = await transaction.run(walk(bucket, idToBytes(before), limit));
            return answer!.rows.map(listedRowOf);
          },
      ),
    );
    return listRows(query, reads, rowsMax);
  });
}

/** The ledger of one moment. */
export async function counts(connections: Connections, nowMs: number, buckets: number): Promise<Counts> {
  const answers = await connections.snapshot((transaction) =>
    transaction.commit(
      ...inAll(buckets, sumLedger),
      ...inAll(buckets, (bucket) => countExecuting(bucket, nowMs)),
      ...inAll(buckets, (bucket) => countOverdue(bucket, nowMs)),
    ),
  );
  const [accepted, open, done, failed, cancelled, uncertain, purged] = sumsOf(answers.slice(0, buckets));
  return withOpen(answers.slice(buckets), open!, {
    accepted: accepted!,
    done: done!,
    failed: failed!,
    cancelled: cancelled!,
    uncertain: uncertain!,
    purged: purged!,
  });
}

/** The same, counted row by row. */
export async function audit(connections: Connections, nowMs: number, buckets: number): Promise<Counts> {
  const answers = await connections.snapshot((transaction) =>
    transaction.commit(
      ...inAll(buckets, auditOpen),
      ...inAll(buckets, auditEnded),
      ...inAll(buckets, sumLedger),
      ...inAll(buckets, (bucket) => countExecuting(bucket, nowMs)),
      ...inAll(buckets, (bucket) => countOverdue(bucket, nowMs)),
    ),
  );
  const [open] = sumsOf(answers.slice(0, buckets));
  const [done, failed, cancelled, uncertain] = sumsOf(answers.slice(buckets, 2 * buckets));
  // Purged timers have left no rows to count.
  const purged = sumsOf(answers.slice(2 * buckets, 3 * buckets))[6]!;
  const accepted = open! + done! + failed! + cancelled! + uncertain! + purged;
  return withOpen(answers.slice(3 * buckets), open!, {
    accepted,
    done: done!,
    failed: failed!,
    cancelled: cancelled!,
    uncertain: uncertain!,
    purged,
  });
}

export async function controllers(connections: Connections, since: number): Promise<ControllerSeen[]> {
  const [found] = await connections.read(findControllers(since));
  return found!.rows.map(([owner, startedAt, seenAt]) => ({
    owner: textOf(owner),
    startedAt: startedAt as number,
    seenAt: seenAt as number,
  }));
}

function inAll(buckets: number, statement: (bucket: number) => string): string[] {
  return Array.from({ length: buckets }, (_, bucket) => statement(bucket));
}

/** Column by column, over statements that each give one row of numbers. */
function sumsOf(answers: readonly Answer[]): number[] {
  const rows = answers.map(({ rows: [row] }) => row as readonly number[]);
  return rows[0]!.map((_, column) => rows.reduce((total, row) => total + row[column]!, 0));
}

/** `answers`: of countExecuting in each bucket, then of countOverdue. */
function withOpen(
  answers: readonly Answer[],
  open: number,
  rest: Omit<Counts, 'waiting' | 'executing' | 'overdue' | 'oldestOverdueAt' | 'missing'>,
): Counts {
  const buckets = answers.length / 2;
  const [executing] = sumsOf(answers.slice(0, buckets));
  const overdues = answers.slice(buckets);
  const [overdue] = sumsOf(overdues);
  const oldest = overdues.flatMap(({ rows }) => (rows[0]![1] === null ? [] : [rows[0]![1] as number]));
  return {
    ...rest,
    waiting: open - executing!,
    executing: executing!,
    overdue: overdue!,
    oldestOverdueAt: oldest.length > 0 ? Math.min(...oldest) : null,
    missing: [],
  };
}
