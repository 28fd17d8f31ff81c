import type { EndedStatus } from '../../../timer/timer.ts';
import { among, type Given, givenTimers, type Id, isHeld, listed, statement } from './text.ts';

const settledColumns = `, made INT UNSIGNED PATH '$[2]', max INT UNSIGNED PATH '$[3]', attempts MEDIUMTEXT PATH '$[4]',
  at BIGINT PATH '$[5]', status VARCHAR(9) PATH '$[6]'`;

/**
 * Reads timers' primary key, one row for each, and locks those that the owner holds; writes history's and history_ended. Bodies are copied
 * inside the database. Behind the claim: attempts made, allowed, and on record ('' for none: servers differ in what JSON's null is as text);
 * when it ended, and how.
 */
export const settleEnded = (bucket: number, owner: string, timers: readonly Given[]) =>
  statement(
    `INSERT INTO history (bucket, id, tenant, \`key\`, due_at, retry_at, ended_at, claim, begun, attempts_made, attempts_max, status,
      url, attempts, spec, body)
    SELECT timers.bucket, timers.id, timers.tenant, timers.\`key\`, timers.due_at, timers.retry_at, given.at, timers.claim,
      IF(given.status = 'uncertain', timers.begun, NULL), given.made, given.max, given.status,
      timers.url, NULLIF(given.attempts, ''), timers.spec, timers.body
    FROM ${givenTimers(settledColumns)} WHERE ${isHeld} FOR UPDATE`,
    JSON.stringify(timers),
    bucket,
    owner,
  );

/** timers' primary key, one row for each; timers_claim. */
export const deleteTimers = (bucket: number, owner: string, timers: readonly Given[]) =>
  statement(`DELETE timers FROM ${givenTimers()} WHERE ${isHeld}`, JSON.stringify(timers), bucket, owner);

/** timers' primary key, one row for each; timers_claim. As settleEnded, with when to try again, and no status. */
export const settleWaiting = (bucket: number, owner: string, timers: readonly Given[]) =>
  statement(
    `UPDATE ${givenTimers(settledColumns)}
    SET timers.owner = NULL, timers.held = 0, timers.begun = NULL, timers.attempts_made = given.made, timers.attempts_max = given.max,
      timers.attempts = NULLIF(given.attempts, ''), timers.claim_at = given.at, timers.retry_at = given.at
    WHERE ${isHeld}`,
    JSON.stringify(timers),
    bucket,
    owner,
  );

/** What became of open timers that were not held as a settlement says: timers' primary key, one row for each. */
export const settledOpen = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT id, attempts_made, attempts_max, attempts, retry_at, owner FROM ${among('timers')}`,
    listed(ids),
    bucket,
  );

/** The same of ended ones: history's primary key, one row for each. Locks them, in the order of ids, since an uncertain one may be resolved. */
export const settledEnded = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT id, attempts_made, attempts_max, attempts, ended_at, status, begun FROM ${among('history')} FOR UPDATE`,
    listed(ids.toSorted(Buffer.compare)),
    bucket,
  );

/** What a late settlement says of an uncertain timer. */
export interface Late {
  readonly made: number;
  readonly max: number;
  readonly attempts: string | null;
  /** When it ended, or is to be tried again. */
  readonly at: number;
}

/** Reads history's primary key, one row, which this transaction has locked; writes timers' and timers_claim. */
export const settleLateWaiting = (bucket: number, id: Id, { made, max, attempts, at }: Late) =>
  statement(
    `INSERT INTO timers (bucket, id, tenant, \`key\`, due_at, retry_at, claim_at, claim, attempts_made, attempts_max, spec_bytes,
      url, attempts, spec, body)
    SELECT bucket, id, tenant, \`key\`, due_at, ?, ?, claim + 1, ?, ?,
      LENGTH(url) + COALESCE(LENGTH(spec), 0) + COALESCE(LENGTH(body), 0), url, ?, spec, body
    FROM history WHERE bucket = ? AND id = ?`,
    at,
    at,
    made,
    max,
    attempts,
    bucket,
    id,
  );

/** history's primary key, one row, which this transaction has locked; history_ended. */
export const settleLateEnded = (
  bucket: number,
  id: Id,
  { made, max, attempts, at, status }: Late & { readonly status: EndedStatus },
) =>
  statement(
    `UPDATE history SET attempts_made = ?, attempts_max = ?, attempts = ?, ended_at = ?, status = ?, claim = claim + 1,
      begun = IF(? = 'uncertain', begun, NULL)
    WHERE bucket = ? AND id = ?`,
    made,
    max,
    attempts,
    at,
    status,
    status,
    bucket,
    id,
  );
