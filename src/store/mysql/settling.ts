import { PunctualError } from '../../timer/errors.ts';
import { idToBytes, type TimerId } from '../../timer/id.ts';
import type { EndedStatus } from '../../timer/timer.ts';
import { byBucketAndId } from '../buckets.ts';
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
export async function settle(
  connections: Connections,
  settlements: readonly HeldSettlement[],
  buckets: number,
): Promise<HoldResult[]> {
  const rows = settlements.map((settlement) => settlingOf(encodeSettlement(settlement)));
  const portions = settlePortions(rows, buckets);
  const isDone = isOfOneOrder(portions) && (await settleAllHeld(connections, portions));
  const applied = isDone ? new Set(rows) : await settleEach(connections, portions);
  return rows.map((row) => (applied.has(row) ? 'applied' : 'lost'));
}

/** Settlements of timers in one bucket that one owner holds, in the order of their ids, each timer once. */
interface Portion {
  readonly bucket: number;
  readonly owner: string;
  readonly rows: readonly Settling[];
}

function settlePortions(rows: readonly Settling[], buckets: number): Portion[] {
  return [...byBucketAndId(rows, buckets)].flatMap(([bucket, placed]) =>
    roundsOf(placed.map(({ item }) => item)).flatMap((round) =>
      [...Map.groupBy(round, ({ owner }) => owner)].flatMap(([owner, held]) =>
        portionsOf(held, ({ attempts }) => attempts?.length ?? 0).map((portion) => ({ bucket, owner, rows: portion })),
      ),
    ),
  );
}

/**
 * Whether what settles them locks timers in the order of their ids, without looking first: so it is where no bucket needs a second statement
 * for those that end, or that wait. Else it could wait crosswise for a batch of others, such as one that extends the same timers' leases.
 */
function isOfOneOrder(portions: readonly Portion[]): boolean {
  const isOfOneKind = ({ rows }: Portion) => new Set(rows.map(({ status }) => status === null)).size === 1;
  return new Set(portions.map(({ bucket }) => bucket)).size === portions.length && portions.every(isOfOneKind);
}

/**
 * Settles all, or nothing where any of the timers is not held as its settlement says: which is so rarely that looking first, timer by timer,
 * would be wasted on the others.
 */
function settleAllHeld(connections: Connections, portions: readonly Portion[]): Promise<boolean> {
  const writes = portions.flatMap(writesOf);
  return connections.transaction(async (transaction) => {
    const answers = await transaction.run(...writes.map(({ sql }) => sql));
    if (writes.some(({ count }, index) => answers[index]!.affected !== count)) return false;
    const entry = new LedgerEntry();
    for (const portion of portions) noteEnds(portion, entry);
    await transaction.commit(...entry.statements());
    return true;
  });
}

/** Looks at each timer, and settles what may be settled. Gives that. */
function settleEach(connections: Connections, portions: readonly Portion[]): Promise<Set<Settling>> {
  return connections.transaction(async (transaction) => {
    const applied = new Set<Settling>();
    const entry = new LedgerEntry();
    for (const portion of portions) {
      for (const row of await settlePortion(transaction, portion, entry)) applied.add(row);
    }
    await transaction.commit(...entry.statements());
    return applied;
  });
}

function settlingOf([id, owner, claim, made, max, attempts, status, at]: SettlementRow): Settling {
  return { id, owner, claim, made, max, attempts, status, at };
}

/** In each round a timer comes once, so that of two settlements of one timer the second meets what the first has written. */
function roundsOf(rows: readonly Settling[]): Settling[][] {
  const rounds: Settling[][] = [];
  const times = new Map<TimerId, number>();
  for (const row of rows) {
    const round = times.get(row.id) ?? 0;
    times.set(row.id, round + 1);
    rounds[round] ??= [];
    rounds[round].push(row);
  }
  return rounds;
}

/** Locks the timers, and writes what may be written. Gives those that are applied; what ended is noted in `entry`. */
async function settlePortion(transaction: Transaction, portion: Portion, entry: LedgerEntry): Promise<Settling[]> {
  const { bucket, rows } = portion;
  const [locked] = await transaction.run(
    lockTimers(
      bucket,
      rows.map(({ id }) => idToBytes(id)),
    ),
  );
  const isHeld = holdersOf(locked!);
  const held = rows.filter(isHeld);
  const rest = rows.filter((row) => !isHeld(row));
  await writeHeld(transaction, { ...portion, rows: held });
  noteEnds({ bucket, rows: held }, entry);
  return rest.length === 0 ? held : [...held, ...(await settleRest(transaction, { bucket, rows: rest }, entry))];
}

async function writeHeld(transaction: Transaction, portion: Portion): Promise<void> {
  const writes = writesOf(portion);
  const answers = await transaction.run(...writes.map(({ sql }) => sql));
  for (const [index, { count }] of writes.entries()) {
    const { affected } = answers[index]!;
    // What is held stays so while it is locked: nothing is committed of which one part met other timers than another.
    if (affected !== count) {
      throw new PunctualError('internal', { message: `${affected} of ${count} held timers could be settled` });
    }
  }
}

/** What settles timers that are held, and how many rows each statement meets when all of them are. */
function writesOf({ bucket, owner, rows }: Portion): { readonly sql: string; readonly count: number }[] {
  const ended = rows.filter(({ status }) => status !== null);
  const waiting = rows.filter(({ status }) => status === null);
  const writes = [
    { sql: settleEnded(bucket, owner, ended.map(givenOf)), count: ended.length },
    { sql: deleteTimers(bucket, owner, ended.map(givenOf)), count: ended.length },
    { sql: settleWaiting(bucket, owner, waiting.map(givenOf)), count: waiting.length },
  ];
  return writes.filter(({ count }) => count > 0);
}

function noteEnds({ bucket, rows }: Pick<Portion, 'bucket' | 'rows'>, entry: LedgerEntry): void {
  for (const { status } of rows) if (status !== null) entry.move(bucket, null, status);
}

function givenOf({ id, claim, made, max, attempts, at, status }: Settling): Given {
  return [hexOf(id), claim, made, max, attempts ?? '', at, status];
}

/** Settlements of timers that are not held as they say: perhaps they have been written already, or come late for an uncertain one. */
async function settleRest(
  transaction: Transaction,
  { bucket, rows }: Pick<Portion, 'bucket' | 'rows'>,
  entry: LedgerEntry,
): Promise<Settling[]> {
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
