import type { EndedStatus } from '../../../timer/timer.ts';
import { among, amongKeys, type Id, type KeyName, listed, listedKeys, statement } from './text.ts';

/** timers' primary key, one row, which it locks; timers_claim. */
export const takeOpen = (bucket: number, id: Id, claim: number) =>
  statement(`DELETE timers FROM ${among('timers')} WHERE claim = ? AND held = 0`, listed([id]), bucket, claim);

/** history's primary key, one row, which it locks; history_ended. */
export const takeEnded = (bucket: number, id: Id, claim: number, status: EndedStatus) =>
  statement(
    `DELETE \`history\` FROM ${among('history')} WHERE claim = ? AND status = ?`,
    listed([id]),
    bucket,
    claim,
    status,
  );

/** timers' primary key and timers_claim. Columns as in a TimerRow, owner and status aside, then spec_bytes. */
export const insertOpen = (bucket: number, columns: readonly unknown[]) =>
  statement(
    `INSERT INTO timers (bucket, id, tenant, \`key\`, due_at, retry_at, claim_at, claim, begun, attempts_made, attempts_max,
      url, attempts, spec, body, spec_bytes)
    VALUES (?)`,
    [bucket, ...columns],
  );

/** history's primary key and history_ended. Columns as in a TimerRow, the owner aside. */
export const insertEnded = (bucket: number, columns: readonly unknown[]) =>
  statement(
    `INSERT INTO history (bucket, id, tenant, \`key\`, due_at, retry_at, ended_at, claim, begun, attempts_made, attempts_max,
      url, attempts, spec, body, status)
    VALUES (?)`,
    [bucket, ...columns],
  );

/** Walks history_ended from its old end, and locks what it gives; what others are purging is passed over. */
export const purgeable = (bucket: number, endedBefore: number, limit: number) =>
  statement(
    `SELECT id, tenant, \`key\`, status FROM history FORCE INDEX (history_ended)
    WHERE bucket = ? AND ended_at < ? ORDER BY ended_at, id LIMIT ? FOR UPDATE SKIP LOCKED`,
    bucket,
    endedBefore,
    limit,
  );

/** history's primary key, one row for each; history_ended. */
export const deleteEnded = (bucket: number, ids: readonly Id[]) =>
  statement(`DELETE \`history\` FROM ${among('history')}`, listed(ids), bucket);

/** keys' primary key, one row for each. */
export const deleteKeys = (bucket: number, names: readonly KeyName[]) =>
  statement(`DELETE \`keys\` FROM ${amongKeys}`, listedKeys(names), bucket);
