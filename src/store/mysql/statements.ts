import { format, type SqlValue } from 'mysql2';
import type { EndedStatus } from '../../timer/timer.ts';

// The statements that write, and those that look before writing; those that only read are in read-statements.ts. All run at READ
// COMMITTED, where InnoDB locks rows and never the gaps between them, and lets go of a row that it met and that did not match. Values
// are written into the text by mysql2, which is exact while sql_mode is the one of session.ts.

/** What a statement locks it keeps to the end of its transaction. Ids are 16 bytes. */
type Id = Uint8Array;

const statement = (text: string, ...values: unknown[]): string => format(text, values as SqlValue[]);

/** Columns in the order of a TimerRow; so are those of the two inserts of whole rows below. */
export const openColumns = `id, tenant, \`key\`, due_at, retry_at, claim_at, owner, claim, begun, attempts_made, attempts_max,
  url, attempts, spec, body, NULL`;

/**
 * Rows given as a JSON array of arrays, so that the statement's text stays the same. The join begins with them and finds each timer by its
 * primary key, whatever the optimizer thinks that JSON_TABLE returns.
 */
const given = (columns: string) =>
  `JSON_TABLE(?, '$[*]' COLUMNS (hex CHAR(32) PATH '$[0]', claim INT UNSIGNED PATH '$[1]'${columns})) AS given`;

const givenTimers = (columns = '') =>
  `${given(columns)} STRAIGHT_JOIN timers FORCE INDEX (PRIMARY) ON timers.bucket = ? AND timers.id = UNHEX(given.hex)`;

/** A timer's id in hexadecimal digits and the claim number under which it is to be found; more columns behind. */
export type Given = readonly [hex: string, claim: number, ...more: unknown[]];

const isHeld = 'timers.held = 1 AND timers.owner = ? AND timers.claim = given.claim';

// Inserting -----------------------------------------------------------------------------------------------------------------------------

export type NewColumns = readonly [
  bucket: number,
  id: Id,
  tenant: string,
  key: string | null,
  dueAt: number,
  claimAt: number,
  claim: number,
  attemptsMade: number,
  attemptsMax: number,
  specBytes: number,
  url: string,
  spec: string | null,
  body: string | null,
];

/** timers' primary key, at its end (ids grow), and timers_claim. Locks nothing that exists. */
export const insertTimers = (rows: readonly NewColumns[]) =>
  statement(
    `INSERT INTO timers (bucket, id, tenant, \`key\`, due_at, claim_at, claim, attempts_made, attempts_max, spec_bytes, url, spec, body)
    VALUES ?`,
    rows,
  );

/** Which of these ids is stored: timers' primary key. */
export const storedTimers = (bucket: number, ids: readonly Id[]) =>
  statement('SELECT id FROM timers FORCE INDEX (PRIMARY) WHERE bucket = ? AND id IN (?)', bucket, ids);

/** keys' primary key, one row for each. Reads without locks. */
export const findKeys = (bucket: number, tenant: string, keys: readonly string[]) =>
  statement(
    `SELECT tenant, \`key\`, id, fingerprint, due_at FROM \`keys\` FORCE INDEX (PRIMARY)
    WHERE bucket = ? AND tenant = ? AND \`key\` IN (?)`,
    bucket,
    tenant,
    keys,
  );

export type KeyColumns = readonly [
  bucket: number,
  tenant: string,
  key: string,
  id: Id,
  fingerprint: string,
  dueAt: number,
];

/**
 * keys' primary key. Locks each row, the new ones and those that are there already, which stay as they are; waits for others that insert
 * the same key. Rows come in the key's order, so that two of these never wait for each other crosswise. (INSERT IGNORE would cut
 * off in silence what does not fit.)
 */
export const insertKeys = (rows: readonly KeyColumns[]) =>
  statement(
    `INSERT INTO \`keys\` (bucket, tenant, \`key\`, id, fingerprint, due_at) VALUES ?
    ON DUPLICATE KEY UPDATE due_at = due_at`,
    rows,
  );

// Claiming ------------------------------------------------------------------------------------------------------------------------------

const claimable = `SELECT id, claim_at, spec_bytes FROM timers FORCE INDEX (timers_claim)
  WHERE bucket = ? AND held = ? AND claim_at <= ? ORDER BY claim_at, id LIMIT ?`;

/** Whether free timers or held ones are looked for, how late they may be claimable, and how many are wanted. */
export interface Walk {
  readonly held: 0 | 1;
  readonly by: number;
  readonly limit: number;
}

/** Walks timers_claim from its old end, in order, and stops at the limit. Reads without locks: others may take what it gives. */
export const findClaimable = (bucket: number, { held, by, limit }: Walk) =>
  statement(claimable, bucket, held, by, limit);

/**
 * The same walk, which locks what it gives, rows and entries in the index, and passes over what others have locked: inserts and other
 * claims go on. Where it ends before the limit, MariaDB (10.11) keeps the entry behind its last one locked too, though it is not given,
 * and others pass over a timer that they should have: so this is only for when several claim at the same time.
 */
export const lockClaimable = (bucket: number, { held, by, limit }: Walk) =>
  statement(`${claimable} FOR UPDATE SKIP LOCKED`, bucket, held, by, limit);

/** timers' primary key, one row for each. Locks those rows, and passes over what others have locked. */
export const takeTimers = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT ${openColumns} FROM timers FORCE INDEX (PRIMARY) WHERE bucket = ? AND id IN (?) FOR UPDATE SKIP LOCKED`,
    bucket,
    ids,
  );

/** timers' primary key, one row for each, all of which this transaction has locked; moves them within timers_claim. */
export const claim = (bucket: number, timers: readonly Given[], { owner, until }: { owner: string; until: number }) =>
  statement(
    `UPDATE ${givenTimers()} SET timers.owner = ?, timers.held = 1, timers.claim_at = ?, timers.claim = timers.claim + 1
    WHERE timers.claim = given.claim`,
    JSON.stringify(timers),
    bucket,
    owner,
    until,
  );

/** Who holds each: timers' primary key, one row for each. Reads without locks. */
export const findHolders = (bucket: number, ids: readonly Id[]) =>
  statement('SELECT id, owner, claim FROM timers FORCE INDEX (PRIMARY) WHERE bucket = ? AND id IN (?)', bucket, ids);

// Holding -------------------------------------------------------------------------------------------------------------------------------

/** Who holds each: timers' primary key, in its order. Locks the rows, so that what is decided on them stays true. */
export const lockTimers = (bucket: number, ids: readonly Id[]) =>
  statement(
    'SELECT id, owner, claim FROM timers FORCE INDEX (PRIMARY) WHERE bucket = ? AND id IN (?) ORDER BY id FOR UPDATE',
    bucket,
    ids,
  );

/** timers' primary key, one row for each. */
export const begin = (bucket: number, owner: string, timers: readonly Given[]) =>
  statement(
    `UPDATE ${givenTimers()} SET timers.begun = timers.claim WHERE ${isHeld}`,
    JSON.stringify(timers),
    bucket,
    owner,
  );

/** timers' primary key, one row for each; timers_claim. */
export const extend = (bucket: number, owner: string, timers: readonly Given[], untilAt: number) =>
  statement(
    `UPDATE ${givenTimers()} SET timers.claim_at = ? WHERE ${isHeld}`,
    JSON.stringify(timers),
    bucket,
    untilAt,
    owner,
  );

/** timers' primary key, one row for each; timers_claim. Behind the claim: when each may be claimed again. */
export const release = (bucket: number, owner: string, timers: readonly Given[]) =>
  statement(
    `UPDATE ${givenTimers(", claim_at BIGINT PATH '$[2]'")}
    SET timers.owner = NULL, timers.held = 0, timers.begun = NULL, timers.claim_at = given.claim_at WHERE ${isHeld}`,
    JSON.stringify(timers),
    bucket,
    owner,
  );

// Settling ------------------------------------------------------------------------------------------------------------------------------

const settledColumns = `, made INT UNSIGNED PATH '$[2]', max INT UNSIGNED PATH '$[3]', attempts MEDIUMTEXT PATH '$[4]',
  at BIGINT PATH '$[5]', status VARCHAR(9) PATH '$[6]'`;

/**
 * Reads timers' primary key, one row for each, all of which this transaction has locked; writes history's and history_ended. Bodies are
 * copied inside the database. Behind the claim: attempts made, allowed, and on record; when it ended, and how.
 */
export const settleEnded = (bucket: number, timers: readonly Given[]) =>
  statement(
    `INSERT INTO history (bucket, id, tenant, \`key\`, due_at, retry_at, ended_at, claim, begun, attempts_made, attempts_max, status,
      url, attempts, spec, body)
    SELECT timers.bucket, timers.id, timers.tenant, timers.\`key\`, timers.due_at, timers.retry_at, given.at, timers.claim,
      IF(given.status = 'uncertain', timers.begun, NULL), given.made, given.max, given.status,
      timers.url, given.attempts, timers.spec, timers.body
    FROM ${givenTimers(settledColumns)} WHERE timers.claim = given.claim`,
    JSON.stringify(timers),
    bucket,
  );

/** timers' primary key, one row for each; timers_claim. */
export const deleteTimers = (bucket: number, ids: readonly Id[]) =>
  statement('DELETE FROM timers WHERE bucket = ? AND id IN (?)', bucket, ids);

/** timers' primary key, one row for each; timers_claim. As settleEnded, with when to try again, and no status. */
export const settleWaiting = (bucket: number, timers: readonly Given[]) =>
  statement(
    `UPDATE ${givenTimers(settledColumns)}
    SET timers.owner = NULL, timers.held = 0, timers.begun = NULL, timers.attempts_made = given.made, timers.attempts_max = given.max,
      timers.attempts = given.attempts, timers.claim_at = given.at, timers.retry_at = given.at
    WHERE timers.claim = given.claim`,
    JSON.stringify(timers),
    bucket,
  );

/** What became of open timers that were not held as a settlement says: timers' primary key, one row for each. */
export const settledOpen = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT id, attempts_made, attempts_max, attempts, retry_at, owner FROM timers FORCE INDEX (PRIMARY)
    WHERE bucket = ? AND id IN (?)`,
    bucket,
    ids,
  );

/** The same of ended ones: history's primary key, one row for each. Locks them, since an uncertain one may be resolved. */
export const settledEnded = (bucket: number, ids: readonly Id[]) =>
  statement(
    `SELECT id, attempts_made, attempts_max, attempts, ended_at, status, begun FROM history FORCE INDEX (PRIMARY)
    WHERE bucket = ? AND id IN (?) ORDER BY id FOR UPDATE`,
    bucket,
    ids,
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

// Changing ------------------------------------------------------------------------------------------------------------------------------

/** timers' primary key, one row, which it locks; timers_claim. */
export const takeOpen = (bucket: number, id: Id, claimNumber: number) =>
  statement('DELETE FROM timers WHERE bucket = ? AND id = ? AND claim = ? AND held = 0', bucket, id, claimNumber);

/** history's primary key, one row, which it locks; history_ended. */
export const takeEnded = (bucket: number, id: Id, claimNumber: number, status: EndedStatus) =>
  statement(
    'DELETE FROM history WHERE bucket = ? AND id = ? AND claim = ? AND status = ?',
    bucket,
    id,
    claimNumber,
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

// Purging, and the ledger ---------------------------------------------------------------------------------------------------------------

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
  statement('DELETE FROM history WHERE bucket = ? AND id IN (?)', bucket, ids);

/** keys' primary key, one row for each. */
export const deleteKeys = (bucket: number, tenant: string, keys: readonly string[]) =>
  statement('DELETE FROM `keys` WHERE bucket = ? AND tenant = ? AND `key` IN (?)', bucket, tenant, keys);

export type LedgerColumns = readonly [
  bucket: number,
  seq: Uint8Array,
  accepted: number,
  open: number,
  done: number,
  failed: number,
  cancelled: number,
  uncertain: number,
  purged: number,
];

/** ledger's primary key, at a place that chance chose. Locks nothing that exists. */
export const addToLedger = (rows: readonly LedgerColumns[]) =>
  statement(
    'INSERT INTO ledger (bucket, seq, accepted, open, done, failed, cancelled, uncertain, purged) VALUES ?',
    rows,
  );

/** Walks ledger's primary key, and locks what it gives; rows that others are adding or folding are passed over. */
export const foldable = (bucket: number, limit: number) =>
  statement(
    `SELECT seq, accepted, open, done, failed, cancelled, uncertain, purged FROM ledger FORCE INDEX (PRIMARY)
    WHERE bucket = ? ORDER BY seq LIMIT ? FOR UPDATE SKIP LOCKED`,
    bucket,
    limit,
  );

/** ledger's primary key, one row for each, all of which this transaction has locked. */
export const deleteFolded = (bucket: number, seqs: readonly Uint8Array[]) =>
  statement('DELETE FROM ledger WHERE bucket = ? AND seq IN (?)', bucket, seqs);

// Controllers ---------------------------------------------------------------------------------------------------------------------------

/** controllers' primary key, one row. */
export const beat = (owner: string, startedAt: number, seenAt: number) =>
  statement(
    'INSERT INTO controllers (owner, started_at, seen_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE seen_at = ?',
    owner,
    startedAt,
    seenAt,
    seenAt,
  );

/** Walks controllers' primary key, a few rows, one lock at a time: it must commit by itself, or two of these could wait for each other. */
export const forgetControllers = (before: number) =>
  statement("DELETE FROM controllers WHERE owner >= '' AND seen_at < ?", before);
