import { PunctualError } from '../../timer/errors.ts';
import { bucketOf, idToBytes, type TimerId } from '../../timer/id.ts';
import type { Idempotency, NewTimer } from '../../timer/timer.ts';
import { encodeNew } from '../rows.ts';
import type { InsertResult, KeyUse } from '../store.ts';
import type { Connections } from './connections.ts';
import { isDuplicate } from './faults.ts';
import { LedgerEntry } from './ledger.ts';
import { idOf, portionsOf, textOf } from './rows.ts';
import type { Answer } from './session.ts';
import { findKeys, insertKeys, insertTimers, type NewColumns, storedTimers } from './statements/inserts.ts';
import type { Transaction } from './transaction.ts';

/** A new timer and where it goes. */
interface Placed {
  readonly timer: NewTimer;
  readonly bucket: number;
}

interface PlacedKey extends Placed {
  readonly idempotency: Idempotency;
}

/** Stores new timers, of whatever buckets, in one transaction. */
export async function insert(
  connections: Connections,
  timers: readonly NewTimer[],
  buckets: number,
): Promise<InsertResult[]> {
  const placed = timers.map((timer) => ({ timer, bucket: bucketOf(timer.id, buckets) }));
  if (placed.length === 0) return [];
  return connections.transaction(async (transaction) => {
    const used = await takeKeys(transaction, placed);
    const fresh = placed.filter(({ timer }) => !used.has(timer));
    const entry = new LedgerEntry();
    for (const { bucket } of fresh) entry.accept(bucket, 1);
    await insertFresh(transaction, fresh, entry.statements());
    return timers.map((timer) => used.get(timer) ?? { kind: 'created', id: timer.id });
  });
}

/** What a key was used for before; undefined where it was not. */
export async function findKey(
  connections: Connections,
  bucket: number,
  { tenant, idempotency }: { tenant: string; idempotency: Idempotency },
): Promise<KeyUse | undefined> {
  const [answer] = await connections.look(findKeys(bucket, [{ tenant, key: idempotency.key }]));
  const [first] = firstsOf(bucket, answer!).values();
  return first && useOf(first, idempotency);
}

/** Writes the keys that are new, and gives what the others were used for. */
async function takeKeys(
  transaction: Transaction,
  placed: readonly Placed[],
): Promise<ReadonlyMap<NewTimer, InsertResult>> {
  const keyed = placed.flatMap(({ timer, bucket }): PlacedKey[] => {
    const { idempotency } = timer;
    return idempotency ? [{ timer, bucket, idempotency }] : [];
  });
  const used = new Map<NewTimer, InsertResult>();
  if (keyed.length === 0) return used;
  const { before, after } = await meetKeys(transaction, keyed);
  const taken = new Set<string>();
  for (const { timer, bucket, idempotency } of keyed) {
    const name = nameOf(bucket, timer.tenant, idempotency.key);
    const first = after.get(name)!;
    // One that was there under another id was purged since then, and its key is this timer's now.
    const wasStored = before.get(name)?.id === first.id;
    // Of several with one key in a batch the first is stored.
    const isFirst = !wasStored && first.id === timer.id && !taken.has(name);
    taken.add(name);
    if (!isFirst) used.set(timer, useOf(first, idempotency));
  }
  return used;
}

/** What a key led to the first time. */
interface First {
  readonly id: TimerId;
  readonly fingerprint: string;
  readonly dueAt: number;
}

/**
 * The keys' first uses as they were before, and with those of this batch. From here on nobody else can use them. `before` is read without
 * locks: a purge may take a key away right after it.
 */
async function meetKeys(
  transaction: Transaction,
  keyed: readonly PlacedKey[],
): Promise<Record<'before' | 'after', ReadonlyMap<string, First>>> {
  const finds = [...Map.groupBy(keyed, ({ bucket }) => bucket)].flatMap(([bucket, group]) =>
    portionsOf(group).map((portion) => {
      const names = portion.map(({ timer, idempotency }) => ({ tenant: timer.tenant, key: idempotency.key }));
      return { bucket, sql: findKeys(bucket, names) };
    }),
  );
  const texts = finds.map(({ sql }) => sql);
  const inserts = portionsOf(inOrderOfKeys(keyed)).map((portion) => insertKeys(portion.map(keyColumns)));
  const answers = await transaction.run(...texts, ...inserts, ...texts);
  const all = (from: number) =>
    new Map(finds.flatMap(({ bucket }, index) => [...firstsOf(bucket, answers[from + index]!)]));
  return { before: all(0), after: all(texts.length + inserts.length) };
}

function keyColumns({ timer, bucket, idempotency }: PlacedKey) {
  const { key, fingerprint } = idempotency;
  return [bucket, timer.tenant, key, idToBytes(timer.id), fingerprint, timer.dueAt] as const;
}

/** The order in which all processes lock them. Those with the same key stay in the order of the batch. */
function inOrderOfKeys(keyed: readonly PlacedKey[]): PlacedKey[] {
  const named = keyed.map((each) => ({
    each,
    name: nameOf(each.bucket, each.timer.tenant, each.idempotency.key),
  }));
  named.sort((one, other) => (one.name < other.name ? -1 : Number(one.name > other.name)));
  return named.map(({ each }) => each);
}

function firstsOf(bucket: number, { rows }: Answer): Map<string, First> {
  const firsts = rows.map(([tenant, key, id, fingerprint, dueAt]) => {
    const first: First = { id: idOf(id), fingerprint: textOf(fingerprint), dueAt: dueAt as number };
    return [nameOf(bucket, textOf(tenant), textOf(key)), first] as const;
  });
  return new Map(firsts);
}

function nameOf(bucket: number, tenant: string, key: string): string {
  return JSON.stringify([bucket, tenant, key]);
}

function useOf({ id, fingerprint, dueAt }: First, idempotency: Idempotency): KeyUse {
  return fingerprint === idempotency.fingerprint ? { kind: 'existing', id, dueAt } : { kind: 'conflict', id };
}

/** Stores them, and commits together with what `last` says; most often all in one round trip. */
async function insertFresh(transaction: Transaction, fresh: readonly Placed[], last: readonly string[]): Promise<void> {
  // One at a time: which rows a statement is about must be known where it fails.
  const portions = portionsOf(fresh.map(newColumns), bytesOf);
  const final = portions.pop();
  for (const portion of portions) await insertPortion(transaction, portion, (insert) => transaction.run(insert));
  if (final) await insertPortion(transaction, final, (insert) => transaction.commit(insert, ...last));
  else await transaction.commit(...last);
}

async function insertPortion(
  transaction: Transaction,
  portion: readonly NewColumns[],
  send: (insert: string) => Promise<unknown>,
): Promise<void> {
  try {
    await send(insertTimers(portion));
  } catch (error) {
    // The statements behind the one that failed were not run: nothing is committed.
    throw isDuplicate(error) ? await nameDuplicate(transaction, portion, error) : error;
  }
}

/** The failed statement was rolled back, and the transaction lives: what is stored, or twice in the portion, is the reason. */
async function nameDuplicate(
  transaction: Transaction,
  portion: readonly NewColumns[],
  cause: unknown,
): Promise<unknown> {
  const ids = new Set<TimerId>();
  let twice: TimerId | undefined;
  for (const [, bytes] of portion) {
    const id = idOf(bytes);
    if (ids.has(id)) twice = id;
    ids.add(id);
  }
  const groups = Map.groupBy(portion, ([bucket]) => bucket);
  const looks = [...groups].map(([bucket, rows]) =>
    storedTimers(
      bucket,
      rows.map(([, id]) => id),
    ),
  );
  const answers = await transaction.run(...looks);
  const [stored] = answers.flatMap(({ rows }) => rows);
  const id = stored ? idOf(stored[0]) : twice;
  // It was none of the timers, but what was written with them.
  if (!id) return cause;
  return new PunctualError('internal', { message: `timer ${id} is stored already`, cause });
}

function newColumns({ timer, bucket }: Placed): NewColumns {
  const [id, tenant, key, dueAt, attemptsMax, url, spec, body] = encodeNew(timer);
  const bytes = specBytesOf(url, spec, body);
  return [bucket, idToBytes(id), tenant, key, dueAt, dueAt, 0, 0, attemptsMax, bytes, url, spec, body];
}

function bytesOf([, , , , , , , , , specBytes]: NewColumns): number {
  return specBytes;
}

/** The column spec_bytes: the bytes of these columns, as `ClaimRequest.bytesMax` counts them. */
export function specBytesOf(url: string, spec: string | null, body: string | null): number {
  return Buffer.byteLength(url) + Buffer.byteLength(spec ?? '') + Buffer.byteLength(body ?? '');
}
