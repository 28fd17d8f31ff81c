import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { PunctualError } from '../../timer/errors.ts';
import { idToBytes, type TimerId } from '../../timer/id.ts';
import type { EndedStatus } from '../../timer/timer.ts';
import {
  bytesOf,
  type HoldRow,
  type NewRow,
  type ReleaseRow,
  rowOf,
  type SettlementRow,
  type StoredRow,
  type TimerRow,
} from '../rows.ts';
import type { ClaimRequest, ControllerNote, HoldResult, InsertResult } from '../store.ts';
import { isConstraintFault } from './faults.ts';
import type { ChangedFrom, WriteVerbs } from './protocol.ts';
import { keyUse } from './reads.ts';
import { type Prepared, prepareAll, writeStatements } from './statements.ts';

/** The ledger's columns that a transaction adds to. */
type Deltas = Record<'accepted' | 'open' | EndedStatus | 'purged', number>;

const noDeltas: Deltas = { accepted: 0, open: 0, done: 0, failed: 0, cancelled: 0, uncertain: 0, purged: 0 };

/**
 * The writing verbs. They run inside a transaction that the caller begins; before it commits, it calls `writeLedger`, and where it rolls
 * back instead, `forget`.
 */
export class Writes implements WriteVerbs {
  readonly #statements: Prepared<keyof typeof writeStatements>;
  #deltas: Deltas = { ...noDeltas };

  constructor(database: DatabaseSync) {
    this.#statements = prepareAll(database, writeStatements);
  }

  /** Adds to the ledger what the transaction has changed. */
  writeLedger(): void {
    const { accepted, open, done, failed, cancelled, uncertain, purged } = this.#deltas;
    if (Object.values(this.#deltas).some((delta) => delta !== 0)) {
      this.#statements.addToLedger.run(accepted, open, done, failed, cancelled, uncertain, purged);
    }
    this.forget();
  }

  /** Forgets what the transaction has changed, since it was rolled back. */
  forget(): void {
    this.#deltas = { ...noDeltas };
  }

  insert(timers: readonly NewRow[]): InsertResult[] {
    return timers.map((row) => naming(row[0], () => this.#insertOne(row)));
  }

  change([claim, status]: ChangedFrom, after: TimerRow): HoldResult {
    const id = idToBytes(after[0]);
    const { takeOpen, takeEnded, insertOpen, insertEnded } = this.#statements;
    const taken = status === null ? this.#run(takeOpen, id, claim) : this.#run(takeEnded, id, claim, status);
    if (taken === 0) return 'lost';
    const [, tenant, key, dueAt, retryAt, at, , nextClaim, begun, made, max, url, attempts, spec, body, next] = after;
    const columns = [id, tenant, key, dueAt, retryAt, at, nextClaim, begun, made, max, url, attempts, spec, body];
    if (next === null) this.#run(insertOpen, ...columns);
    else this.#run(insertEnded, ...columns, next);
    this.#move(status, next);
    return 'applied';
  }

  claim({ owner, horizonAt, leaseUntil, limit, bytesMax, expiredBy }: ClaimRequest): TimerRow[] {
    const { claimableFree, claimableHeld, claim } = this.#statements;
    const rows: StoredRow[] = [];
    let bytes = 0;
    // All are read before the first is written: writing would move them within the indexes that are being walked.
    for (const row of merge(claimableFree.iterate(horizonAt), claimableHeld.iterate(expiredBy), limit)) {
      bytes += bytesOf(row);
      if (rows.length > 0 && bytes > bytesMax) break;
      rows.push(row);
    }
    for (const [id] of rows) this.#run(claim, owner, leaseUntil, id);
    return rows.map(rowOf);
  }

  begin(holds: readonly HoldRow[]): HoldResult[] {
    return holds.map(([id, owner, claim]) => held(this.#run(this.#statements.begin, idToBytes(id), owner, claim)));
  }

  extend(holds: readonly HoldRow[], untilAt: number): HoldResult[] {
    const { extend } = this.#statements;
    return holds.map(([id, owner, claim]) => held(this.#run(extend, untilAt, idToBytes(id), owner, claim)));
  }

  settle(settlements: readonly SettlementRow[]): HoldResult[] {
    return settlements.map((row) => naming(row[0], () => this.#settleOne(row)));
  }

  release(releases: readonly ReleaseRow[]): HoldResult[] {
    const { release } = this.#statements;
    return releases.map(([id, owner, claim, claimAt]) =>
      held(this.#run(release, claimAt, idToBytes(id), owner, claim)),
    );
  }

  purge(endedBefore: number, limit: number): number {
    const { purgeable, deleteEnded, deleteKey } = this.#statements;
    const old = rowsOf<[Uint8Array, string, string | null, EndedStatus]>(purgeable.all(endedBefore, limit));
    for (const [id, tenant, key, status] of old) {
      this.#run(deleteEnded, id);
      if (key !== null) this.#run(deleteKey, tenant, key);
      this.#deltas[status]--;
      this.#deltas.purged++;
    }
    return old.length;
  }

  beat({ owner, startedAt }: ControllerNote, nowMs: number, forgetBefore: number): void {
    this.#run(this.#statements.beat, owner, startedAt, nowMs);
    this.#run(this.#statements.forgetControllers, forgetBefore);
  }

  #insertOne([id, tenant, key, dueAt, attemptsMax, url, spec, body, fingerprint]: NewRow): InsertResult {
    const { findKey, insertKey, insertNew } = this.#statements;
    const bytes = idToBytes(id);
    if (key !== null && fingerprint !== null) {
      const used = keyUse(findKey.get(tenant, key), fingerprint);
      if (used) return used;
      this.#run(insertKey, tenant, key, bytes, fingerprint, dueAt);
    }
    this.#run(insertNew, bytes, tenant, key, dueAt, attemptsMax, url, spec, body);
    this.#deltas.accepted++;
    this.#deltas.open++;
    return { kind: 'created', id };
  }

  #settleOne(row: SettlementRow): HoldResult {
    const [textId, owner, claim, made, max, attempts, status, at] = row;
    const id = idToBytes(textId);
    const { settleWaiting, settleEnded, deleteOpen } = this.#statements;
    if (status === null) {
      if (this.#run(settleWaiting, made, max, attempts, at, id, owner, claim) === 1) return 'applied';
    } else if (this.#run(settleEnded, made, max, attempts, status, at, id, owner, claim) === 1) {
      this.#run(deleteOpen, id);
      this.#move(null, status);
      return 'applied';
    }
    return this.#isSettled(id, row) || this.#settleLate(id, row) ? 'applied' : 'lost';
  }

  /** Whether the timer is already as the settlement would make it. */
  #isSettled(id: Uint8Array, [, , , made, max, attempts, status, at]: SettlementRow): boolean {
    const { settledWaiting, settledEnded } = this.#statements;
    if (status === null) return settledWaiting.get(id, made, max, attempts, at) !== undefined;
    return settledEnded.get(id, made, max, attempts, status, at) !== undefined;
  }

  /**
   * Resolves a timer that is uncertain under exactly this claim. The claim number goes up, so that a client's change that was decided
   * before this became known is lost.
   */
  #settleLate(id: Uint8Array, [, , claim, made, max, attempts, status, at]: SettlementRow): boolean {
    const { settleLateWaiting, settleLateEnded, deleteEnded } = this.#statements;
    if (status === null) {
      if (this.#run(settleLateWaiting, made, max, attempts, at, id, claim) === 0) return false;
      this.#run(deleteEnded, id);
    } else if (this.#run(settleLateEnded, made, max, attempts, status, at, id, claim) === 0) return false;
    this.#move('uncertain', status);
    return true;
  }

  /** Notes for the ledger that a timer went from one state to another; null for open. */
  #move(from: EndedStatus | null, to: EndedStatus | null): void {
    this.#deltas[from ?? 'open']--;
    this.#deltas[to ?? 'open']++;
  }

  #run(statement: StatementSync, ...values: SQLInputValue[]): number {
    return Number(statement.run(...values).changes);
  }
}

function held(changes: number): HoldResult {
  return changes === 1 ? 'applied' : 'lost';
}

/** Rows of statements that were prepared to return arrays; node:sqlite's types know only objects. */
function rowsOf<Row>(rows: unknown): Row[] {
  return rows as Row[];
}

/** At most `limit` rows of two walks in order of `claim_at` and id. Ends both walks. */
function* merge(one: Iterator<unknown>, other: Iterator<unknown>, limit: number): Generator<StoredRow> {
  const next = (walk: Iterator<unknown>): StoredRow | undefined => {
    const { done, value } = walk.next();
    return done ? undefined : (value as StoredRow);
  };
  try {
    let left = next(one);
    let right = next(other);
    for (let count = 0; count < limit && (left || right); count++) {
      if (left && (!right || precedes(left, right))) {
        yield left;
        left = next(one);
      } else {
        yield right!;
        right = next(other);
      }
    }
  } finally {
    one.return?.();
    other.return?.();
  }
}

function precedes(one: StoredRow, other: StoredRow): boolean {
  const [id, , , , , at] = one;
  const [otherId, , , , , otherAt] = other;
  return at < otherAt || (at === otherAt && Buffer.compare(id, otherId) < 0);
}

/** Puts the timer's id into what the database says of a write that breaks the tables' rules, which is a defect of Punctual. */
function naming<Result>(id: TimerId, write: () => Result): Result {
  try {
    return write();
  } catch (error) {
    if (!isConstraintFault(error)) throw error;
    throw new PunctualError('internal', { message: `timer ${id} cannot be written: ${error.message}`, cause: error });
  }
}
