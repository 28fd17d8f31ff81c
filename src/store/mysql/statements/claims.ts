import { type Given, givenTimers, type Id, openColumns, statement } from './text.ts';

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
