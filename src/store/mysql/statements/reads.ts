import { among, type Id, listed, openColumns, statement } from './text.ts';

// The statements that only read: none takes a lock, none waits for one.

/** timers' and history's primary keys, one row for each. In one statement, so that a timer that moves between the two is not missed. */
export const getTimers = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT ${openColumns} FROM ${among('timers')}
    UNION ALL
    SELECT id, tenant, \`key\`, due_at, retry_at, ended_at, NULL, claim, begun, attempts_made, attempts_max, url, attempts, spec, body,
      status
    FROM ${among('history')}`,
    listed(ids),
    bucket,
    listed(ids),
    bucket,
  );

/** Walks timers' primary key downwards. Reads neither bodies nor attempts. Columns as in a ListedRow. */
export const listOpen = (bucket: number, before: Uint8Array, limit: number) =>
  statement(
    `SELECT id, tenant, due_at, retry_at, claim_at, owner, attempts_made, url, spec, NULL FROM timers FORCE INDEX (PRIMARY)
    WHERE bucket = ? AND id < ? ORDER BY id DESC LIMIT ?`,
    bucket,
    before,
    limit,
  );

/** Walks history's primary key downwards, likewise. */
export const listEnded = (bucket: number, before: Uint8Array, limit: number) =>
  statement(
    `SELECT id, tenant, due_at, retry_at, ended_at, NULL, attempts_made, url, spec, status FROM history FORCE INDEX (PRIMARY)
    WHERE bucket = ? AND id < ? ORDER BY id DESC LIMIT ?`,
    bucket,
    before,
    limit,
  );

const sum = (column: string) => `CAST(COALESCE(SUM(${column}), 0) AS SIGNED)`;

/** Walks ledger's primary key: as many rows as nobody has folded yet. */
export const sumLedger = (bucket: number) =>
  statement(
    `SELECT ${['accepted', 'open', 'done', 'failed', 'cancelled', 'uncertain', 'purged'].map(sum).join(', ')}
    FROM ledger FORCE INDEX (PRIMARY) WHERE bucket = ?`,
    bucket,
  );

/** Walks the held ones in timers_claim, which are as many as controllers have room for; the index carries all that is asked. */
export const countExecuting = (bucket: number, nowMs: number) =>
  statement(
    `SELECT COUNT(*) FROM timers FORCE INDEX (timers_claim)
    WHERE bucket = ? AND held = 1 AND COALESCE(retry_at, due_at) <= ?`,
    bucket,
    nowMs,
  );

/** Walks what is overdue in timers_claim, which carries all that is asked. */
export const countOverdue = (bucket: number, nowMs: number) =>
  statement(
    `SELECT COUNT(*), MIN(COALESCE(retry_at, due_at)) FROM timers FORCE INDEX (timers_claim)
    WHERE bucket = ? AND held = 0 AND claim_at <= ?`,
    bucket,
    nowMs,
  );

/** For audit alone: walks every entry of timers_claim. */
export const auditOpen = (bucket: number) =>
  statement('SELECT COUNT(*) FROM timers FORCE INDEX (timers_claim) WHERE bucket = ?', bucket);

/** For audit alone: walks every entry of history_ended. */
export const auditEnded = (bucket: number) =>
  statement(
    `SELECT ${['done', 'failed', 'cancelled', 'uncertain'].map((status) => sum(`status = '${status}'`)).join(', ')}
    FROM history FORCE INDEX (history_ended) WHERE bucket = ?`,
    bucket,
  );

/** The server's clock, in milliseconds. Touches no table. */
export const tellTime = 'SELECT UNIX_TIMESTAMP(NOW(6)) * 1000e0';
