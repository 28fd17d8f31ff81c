import { type Given, givenTimers, type Id, statement } from './text.ts';

const isHeld = 'timers.held = 1 AND timers.owner = ? AND timers.claim = given.claim';

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
