import { among, type Given, givenTimers, type Id, isHeld, listed, statement } from './text.ts';

/**
 * Who holds each: timers' primary key, one row for each. Locks the rows, so that what is decided on them stays true: in the order of their
 * ids, so that two of these never wait for each other crosswise.
 */
export const lockTimers = (bucket: number, ids: readonly Id[]) =>
  statement(`SELECT id, owner, claim FROM ${among('timers')} FOR UPDATE`, listed(ids.toSorted(Buffer.compare)), bucket);

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
