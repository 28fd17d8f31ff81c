import { idFromBytes, type TimerId } from '../../timer/id.ts';
import type { ListedRow, TimerRow } from '../rows.ts';
import type { Row } from './session.ts';

// What rows.ts of the store knows as rows, as MySQL gives it: columns that are bytes come as Buffers.

/** So many rows at most in one statement. */
export const rowsAtOnce = 500;

/** Text that is kept as bytes. */
export function textOf(bytes: unknown): string {
  return (bytes as Buffer).toString();
}

function textOrNull(bytes: unknown): string | null {
  return bytes === null ? null : textOf(bytes);
}

export function idOf(bytes: unknown): TimerId {
  return idFromBytes(bytes as Buffer);
}

/** The digits by which `JSON_TABLE` finds a timer. */
export function hexOf(id: TimerId): string {
  return id.replaceAll('-', '');
}

/** A row with the columns of a TimerRow. */
export function timerRowOf(row: Row): TimerRow {
  const [id, tenant, key, dueAt, retryAt, at, owner, ...rest] = row;
  const columns = [idOf(id), textOf(tenant), textOrNull(key), dueAt, retryAt, at, textOrNull(owner), ...rest];
  columns[14] = textOrNull(columns[14]);
  return columns as unknown as TimerRow;
}

/** A row with the columns of a ListedRow. */
export function listedRowOf([id, tenant, dueAt, retryAt, at, owner, ...rest]: Row): ListedRow<TimerId> {
  const columns = [idOf(id), textOf(tenant), dueAt, retryAt, at, textOrNull(owner), ...rest];
  return columns as unknown as ListedRow<TimerId>;
}

/** The items in portions for one statement each: by their number, and by their bytes where `bytesOf` tells them. */
export function portionsOf<T>(items: readonly T[], bytesOf: (item: T) => number = () => 0): T[][] {
  const portions: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const more = bytesOf(item);
    bytes += more;
    const last = portions.at(-1);
    if (!last || last.length === rowsAtOnce || bytes > portionBytesMax) {
      portions.push([item]);
      bytes = more;
    } else last.push(item);
  }
  return portions;
}

/**
 * Long values of one statement, in bytes, together: escaping may double them, JSON within SQL once more, and servers take statements of 16 MiB
 * (MariaDB) or more unless they are told otherwise.
 */
const portionBytesMax = 2 * 1024 * 1024;
