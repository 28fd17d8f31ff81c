import { among, type Given, givenTimers, type Id, listed, openColumns, statement } from './text.ts';

/** Whether free timers or held ones are looked for, how late they may be claimable, and how many are wanted. */
export interface Walk {
  readonly held: 0 | 1;
  readonly by: number;
  readonly limit: number;
}

/**
 * Walks timers_claim from its old end, in order, and stops at the limit. Reads without locks: others may take what it gives. A walk that
 * locks would keep others from more than it gives: where it ends before its limit MariaDB (10.11) keeps the entry locked that stopped it.
 */
export const findClaimable = (bucket: number, { held, by, limit }: Walk) =>
  statement(
    `SELECT id, claim_at, spec_bytes FROM timers FORCE INDEX (timers_claim)
    WHERE bucket = ? AND held = ? AND claim_at <= ? ORDER BY claim_at, id LIMIT ?`,
    bucket,
    held,
    by,
    limit,
  );

/** timers' primary key, one row for each. Locks those rows, and passes over what others have locked. */
export const takeTimers = (bucket: number, ids: readonly Id[]) =>
  statement(`SELECT ${openColumns} FROM ${among('timers')} FOR UPDATE SKIP LOCKED`, listed(ids), bucket);

/** timers' primary key, one row for each, all of which this transaction has locked; moves them within timers_claim. */
export const claim = (bucket: number, timers: readonly Given[], { owner, until }: { owner: string; until: number }) =>
  statement(
    `UPDATE ${givenTimers()} SET timers.owner = ?, timers.held = 1, timers.claim_at = ?, timers.claim = timers.claim + 1`,
    JSON.stringify(timers),
    bucket,
    owner,
    until,
  );

/** Who holds each: timers' primary key, one row for each. Reads without locks. */
export const findHolders = (bucket: number, ids: readonly Id[]) =>
  statement(`SELECT id, owner, claim FROM ${among('timers')}`, listed(ids), bucket);
