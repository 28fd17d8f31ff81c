import type { TimerId } from '../../timer/id.ts';
import type { EndedStatus } from '../../timer/timer.ts';
import { earliestFirst } from '../buckets.ts';
import { bodyColumn, decodeTimer, type TimerRow } from '../rows.ts';
import type { Claimed, Counts, HoldResult } from '../store.ts';

// What rows.ts of the store knows as rows, as PostgreSQL gives and takes it.

type Row = readonly unknown[];

/** Rows of statements that say which of their entries they applied, counted from 1. */
export type NumberedRows = readonly (readonly [n: number])[];

/** A body as bytes. */
export function bodyOf(body: string | null): Buffer | null {
  return body === null ? null : Buffer.from(body);
}

/** A row of a timer's columns, whatever stands behind them; its body comes as bytes. */
export function timerRowOf(row: Row): TimerRow {
  const body = row[bodyColumn] as Buffer | null;
  return (body === null ? row : row.with(bodyColumn, body.toString())) as unknown as TimerRow;
}

/** A statement's parameter. Batches are written here: `pg` searches each of their texts twice for what it must escape. */
export function parameterOf(value: unknown): unknown {
  return Array.isArray(value) ? `{${value.map(elementOf).join(',')}}` : value;
}

/** A number, text, null or bytes within an array (PostgreSQL's manual, "Array Input and Output Syntax"; of bytes, "bytea Hex Format"). */
function elementOf(value: number | string | Buffer | null | undefined): string {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  if (typeof value === 'number') return String(value);
  return value ? `"\\\\x${value.toHex()}"` : 'NULL';
}

/** Rows of `claim`: the timer as it is now, then its `claim_at` and owner of before. */
export function claimedOf(rows: readonly Row[]): Claimed[] {
  const claimed = rows.map(
    (row): Claimed => ({
      timer: decodeTimer(timerRowOf(row)),
      claimableAt: row[16] as number,
      takenFrom: row[17] as string | null,
    }),
  );
  // UPDATE … RETURNING knows no order.
  return claimed.sort(earliestFirst);
}

/** `applied` for the entries that the rows name. */
export function resultsOf(rows: NumberedRows, entries: number): HoldResult[] {
  const results = new Array<HoldResult>(entries).fill('lost');
  for (const [n] of rows) results[n - 1] = 'applied';
  return results;
}

const counters = ['accepted', 'open', 'done', 'failed', 'cancelled', 'uncertain', 'purged'] as const;

/** What the ledger is told when a timer goes from one state to another; null for open. In the order of its columns. */
export function deltas(from: EndedStatus | null, to: EndedStatus | null): number[] {
  return counters.map((counter) => Number(counter === (to ?? 'open')) - Number(counter === (from ?? 'open')));
}

/** A row of `counts` or `audit`. Sums of bigints come as text. */
export type CountsRow = readonly (number | string | null)[];

/** The rows of `counts` or `audit`, one for each bucket, as one. */
export function countsOf(rows: readonly CountsRow[]): Counts {
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
  const [accepted, open, done, failed, cancelled, uncertain, purged, executing, overdue] = Array.from(
    { length: 9 },
    (_, at) => sum(at),
  ) as [number, number, number, number, number, number, number, number, number];
  const oldest = rows.flatMap((row) => (row[9] === null ? [] : [Number(row[9])]));
  return {
    accepted,
    waiting: open - executing,
    executing,
    done,
    failed,
    cancelled,
    uncertain,
    purged,
    overdue,
    oldestOverdueAt: oldest.length > 0 ? Math.min(...oldest) : null,
    missing: [],
  };
}

/** Of a key's row: which timer it led to. */
export type KeyRow = readonly [tenant: string, key: string, id: TimerId, fingerprint: string, dueAt: number];
