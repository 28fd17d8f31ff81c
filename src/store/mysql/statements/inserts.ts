import { among, amongKeys, type Id, type KeyName, listed, listedKeys, statement } from './text.ts';

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
  statement(`SELECT id FROM ${among('timers')}`, listed(ids), bucket);

/** keys' primary key, one row for each. Reads without locks. */
export const findKeys = (bucket: number, names: readonly KeyName[]) =>
  statement(`SELECT tenant, \`key\`, id, fingerprint, due_at FROM ${amongKeys}`, listedKeys(names), bucket);

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
