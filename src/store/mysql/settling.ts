import { PunctualError } from '../../timer/errors.ts';
import { idToBytes, type TimerId } from '../../timer/id.ts';
import type { EndedStatus } from '../../timer/timer.ts';
import { byBucket, type Placed } from '../buckets.ts';
import { encodeSettlement, type SettlementRow } from '../rows.ts';
import type { HeldSettlement, HoldResult } from '../store.ts';
import type { Connections } from './connections.ts';
import { holdersOf } from './holds.ts';
import { LedgerEntry } from './ledger.ts';
import { hexOf, idOf, portionsOf } from './rows.ts';
import type { Row } from './session.ts';
import { deleteEnded } from './statements/changes.ts';
import { lockTimers } from './statements/holds.ts';
import {
  deleteTimers,
  settledEnded,
  settledOpen,
  settleEnded,
  settleLateEnded,
  settleLateWaiting,
  settleWaiting,
} from './statements/settling.ts';
import type { Given } from './statements/text.ts';
import type { Transaction } from './transaction.ts';

/** A settlement to write. */
interface Settling {
  readonly id: TimerId;
  readonly owner: string;
  readonly claim: number;
  readonly made: number;
  readonly max: number;
  readonly attempts: string | null;
  /** Null where the timer is to be tried again at `at`. */
  readonly status: EndedStatus | null;
  readonly at: number;
}

/** Writes what became of attempts, of whatever buckets, in one transaction. */
export function settle(
  connections: Connections,
  settlements: readonly HeldSettlement[],
  buckets: number,
): Promise<HoldResult[]> {
  const rows = settlements.map((settlement) => settlingOf(encodeSettlement(settlement)));
  const rounds = [...byBucket(rows, buckets)].flatMap(([bucket, placed]) =>
    roundsOf(placed)
      .flatMap((round) => portionsOf(round, ({ item }) => item.attempts?.length ?? 0))
      .map((portion) => ({ bucket, portion })),
  );
  return connections.transaction(async (transaction) => {
    const results = new Array<HoldResult>(rows.length).fill('lost');
    const entry = new LedgerEntry();
    for (const { bucket, portion } of rounds) {
      const isApplied = await settlePortion(transaction, {
        bucket,
        rows: portion.map(({ item }) => item),
        entry,
      });
      for (const { item, place } of portion) if (isApplied.has(item)) results[place] = 'applied';
    }
    await transaction.commit(...entry.statements());
    return results;
  });
}

function settlingOf([id, owner, claim, made, max, attempts, status, at]: SettlementRow): Settling {
  return { id, owner, claim, made, max, attempts, status, at };
}

/** In each round a timer comes once, so that of two settlements of one timer the second meets what the first has written. */
function roundsOf<T extends { readonly id: TimerId }>(placed: readonly Placed<T>[]): Placed<T>[][] {
  const rounds: Placed<T>[][] = [];
  const times = new Map<TimerId, number>();
  for (const each of placed) {
    const round = times.get(each.item.id) ?? 0;
    times.set(each.item.id, round + 1);
    rounds[round] ??= [];
    rounds[round].push(each);
  }
  return rounds;
}

interface Portion {
  readonly bucket: number;
  readonly rows: readonly Settling[];
  /** Gets what is written here. */
  readonly entry: LedgerEntry;
}

/** Locks the timers, and writes what may be written. Gives those that are applied. */
async function settlePortion(transaction: Transaction, { bucket, rows, entry }: Portion): Promise<Set<Settling>> {
  const ids = rows.map(({ id }) => idToBytes(id));
  const [locked] = await transaction.run(lockTimers(bucket, ids));
  const isHeld = holdersOf(locked!);
  const held = rows.filter(isHeld);
  const rest = rows.filter((row) => !isHeld(row));
  const applied = new Set(held);
  await writeHeld(transaction, { bucket, rows: held, entry });
  if (rest.length > 0) {
    for (const row of await settleRest(transaction, { bucket, rows: rest, entry })) applied.add(row);
  }
  return applied;
}

async function writeHeld(transaction: Transaction, { bucket, rows, entry }: Portion): Promise<void> {
  const ended = rows.filter(({ status }) => status !== null);
  const waiting = rows.filter(({ status }) => status === null);
  const writes: { readonly sql: string; readonly count: number }[] = [];
  if (ended.length > 0) {
    const ids = ended.map(({ id }) => idToBytes(id));
    writes.push({ sql: settleEnded(bucket, ended.map(givenOf)), count: ended.length });
    writes.push({ sql: deleteTimers(bucket, ids), count: ended.length });
  }
  if (waiting.length > 0) writes.push({ sql: settleWaiting(bucket, waiting.map(givenOf)), count: waiting.length });
  const answers = await transaction.run(...writes.map(({ sql }) => sql));
  for (const [index, { count }] of writes.entries()) {
    const { affected } = answers[index]!;
    // What is held stays so while it is locked: nothing is committed of which one part met other timers than another.
    if (affected !== count) {
      throw new PunctualError('internal', { message: `${affected} of ${count} held timers could be settled` });
    }
  }
  for (const { status } of ended) entry.move(bucket, null, status);
}

function givenOf({ id, claim, made, max, attempts, at, status }: Settling): Given {
  return [hexOf(id), claim, made, max, attempts ?? '', at, status];
}

/** Settlements of timers that are not held as they say: perhaps they have been written already, or come late for an uncertain one. */
async function settleRest(transaction: Transaction, { bucket, rows, entry }: Portion): Promise<Settling[]> {
  const ids = rows.map(({ id }) => idToBytes(id));
  const [open, ended] = await transaction.run(settledOpen(bucket, ids), settledEnded(bucket, ids));
  const opens = byId(open!.rows);
  const endeds = byId(ended!.rows);
  const applied: Settling[] = [];
  for (const row of rows) {
    const there = endeds.get(row.id);
    if (isSettled(row, opens.get(row.id), there)) applied.push(row);
    else if (there && isUncertainUnder(row, there)) {
      await transaction.run(...lateWrites(bucket, row));
      entry.move(bucket, 'uncertain', row.status);
      applied.push(row);
    }
  }
  return applied;
}

/** Whether the timer is already as the settlement would make it. Rows as `settledOpen` and `settledEnded` give them. */
function isSettled(row: Settling, open: Row | undefined, ended: Row | undefined): boolean {
  if (row.status === null) {
    const [owner] = open?.slice(5) ?? [];
    return open !== undefined && owner === null && isAsCounted(row, open);
  }
  return ended !== undefined && ended[5] === row.status && isAsCounted(row, ended);
}

function isAsCounted({ made, max, attempts, at }: Settling, [, madeThere, maxThere, attemptsThere, atThere]: Row) {
  return madeThere === made && maxThere === max && attemptsThere === attempts && atThere === at;
}

function isUncertainUnder({ claim }: Settling, ended: Row): boolean {
  const [status, begun] = ended.slice(5);
  return status === 'uncertain' && begun === claim;
}

/** The claim number goes up, so that a client's change that was decided before this became known is lost. */
function lateWrites(bucket: number, { id, status, ...late }: Settling): string[] {
  const bytes = idToBytes(id);
  if (status !== null) return [settleLateEnded(bucket, bytes, { ...late, status })];
  return [settleLateWaiting(bucket, bytes, late), deleteEnded(bucket, [bytes])];
}

function byId(rows: readonly Row[]): Map<TimerId, Row> {
  return new Map(rows.map((row) => [idOf(row[0]), row]));
}
