import type { TimerId } from '../../timer/id.ts';
import type { Idempotency, NewTimer } from '../../timer/timer.ts';
import { byBucket } from '../buckets.ts';
import { encodeNew } from '../rows.ts';
import type { InsertResult, KeyUse } from '../store.ts';
import type { Connections, Run } from './connections.ts';
import { Overtaken } from './faults.ts';
import { bodyOf, type KeyRow } from './rows.ts';

/** Stores new timers, in one commit. */
export async function insert(
  connections: Connections,
  timers: readonly NewTimer[],
  buckets: number,
): Promise<InsertResult[]> {
  const groups = [...byBucket(timers, buckets)];
  const results = new Array<InsertResult>(timers.length);
  const insertAll = async (run: Run) => {
    for (const [bucket, group] of groups) {
      const part = await insertInto(
        bucket,
        group.map(({ item }) => item),
        run,
      );
      for (const [index, { place }] of group.entries()) results[place] = part[index]!;
    }
  };
  // What is one statement commits by itself.
  const isOne = groups.length === 1 && timers.every(({ idempotency }) => !idempotency);
  if (isOne) await insertAll((name, values) => connections.write(name, values));
  else if (groups.length > 0) await connections.transaction(insertAll);
  return results;
}

async function insertInto(bucket: number, timers: readonly NewTimer[], run: Run): Promise<InsertResult[]> {
  const created = (id: TimerId): InsertResult => ({ kind: 'created', id });
  if (timers.every(({ idempotency }) => !idempotency)) {
    await run('insert', [bucket, ...columnsOf(timers)]);
    return timers.map(({ id }) => created(id));
  }
  const rows = await run('insertKeyed', [bucket, ...columnsOf(timers)]);
  const stored = new Set(rows.map(([id]) => id));
  const met = timers.filter(({ id }) => !stored.has(id));
  const uses = await usesOf(bucket, met as readonly Keyed[], run);
  const useOf = new Map(met.map((timer, index) => [timer, uses[index]]));
  return timers.map((timer) => {
    if (stored.has(timer.id)) return created(timer.id);
    const use = useOf.get(timer);
    // To use the key now would be to lock it out of order, behind others that this transaction has used.
    if (!use) throw new Overtaken('a key was freed between being met and being read');
    return use;
  });
}

interface Keyed {
  readonly tenant: string;
  readonly idempotency: Idempotency;
}

/** What the keys of one bucket were used for. */
export function keyUses(
  connections: Connections,
  bucket: number,
  asked: readonly Keyed[],
): Promise<(KeyUse | undefined)[]> {
  return usesOf(bucket, asked, (name, values) => connections.read(name, values));
}

async function usesOf(bucket: number, asked: readonly Keyed[], run: Run): Promise<(KeyUse | undefined)[]> {
  if (asked.length === 0) return [];
  const tenants = asked.map(({ tenant }) => tenant);
  const keys = asked.map(({ idempotency }) => idempotency.key);
  const rows = (await run('findKeys', [bucket, tenants, keys])) as unknown as KeyRow[];
  const byName = new Map(rows.map((row) => [nameOf(row[0], row[1]), row]));
  return asked.map(({ tenant, idempotency: { key, fingerprint } }) => {
    const row = byName.get(nameOf(tenant, key));
    if (!row) return undefined;
    const [, , id, first, dueAt] = row;
    return first === fingerprint ? { kind: 'existing', id, dueAt } : { kind: 'conflict', id };
  });
}

function nameOf(tenant: string, key: string): string {
  return JSON.stringify([tenant, key]);
}

/** The arrays that `given` (statements.ts) takes apart, from its second parameter on. */
function columnsOf(timers: readonly NewTimer[]): unknown[] {
  const rows = timers.map(encodeNew).map(([id, tenant, key, dueAt, max, url, spec, body, fingerprint]) => {
    return [id, tenant, key, dueAt, max, url, spec, bodyOf(body), fingerprint];
  });
  return Array.from({ length: 9 }, (_, column) => rows.map((row) => row[column]));
}
