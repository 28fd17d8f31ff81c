import { bucketOf, idToBytes } from '../../timer/id.ts';
import type { EndedStatus } from '../../timer/timer.ts';
import { encodeTimer } from '../rows.ts';
import type { Change } from '../store.ts';
import type { Connections } from './connections.ts';
import { specBytesOf } from './inserts.ts';
import { LedgerEntry } from './ledger.ts';
import { portionsOf, textOf } from './rows.ts';
import {
  deleteEnded,
  deleteKeys,
  insertEnded,
  insertOpen,
  purgeable,
  takeEnded,
  takeOpen,
} from './statements/changes.ts';

/** Replaces a timer that nobody holds: takes it away, as it was read, and puts it back as it shall be. */
export async function change(
  connections: Connections,
  { before, after }: Change,
  buckets: number,
): Promise<'applied' | 'lost'> {
  // Whoever held it when it was read may have let go of it without another claim.
  if (before.lease) return 'lost';
  const [id, tenant, key, dueAt, retryAt, at, , claim, begun, made, max, url, attempts, spec, body, to] = encodeTimer({
    ...after,
    claim: before.claim + 1,
  });
  const bucket = bucketOf(id, buckets);
  const bytes = idToBytes(id);
  const from = before.ended?.status ?? null;
  const take = from === null ? takeOpen(bucket, bytes, before.claim) : takeEnded(bucket, bytes, before.claim, from);
  const columns = [bytes, tenant, key, dueAt, retryAt, at, claim, begun, made, max, url, attempts, spec, body];
  const put =
    to === null
      ? insertOpen(bucket, [...columns, specBytesOf(url, spec, body)])
      : insertEnded(bucket, [...columns, to]);
  const entry = new LedgerEntry();
  entry.move(bucket, from, to);
  return connections.transaction(async (transaction) => {
    const [taken] = await transaction.run(take);
    if (taken!.affected === 0) return 'lost';
    await transaction.commit(put, ...entry.statements());
    return 'applied';
  });
}

/** An ended timer that is to be deleted. */
interface Old {
  readonly id: Buffer;
  readonly tenant: string;
  readonly key: string | null;
  readonly status: EndedStatus;
}

/** Deletes timers that ended before `endedBefore`, with their keys, in one transaction. Returns how many. */
export function purge(
  connections: Connections,
  { endedBefore, limit }: { endedBefore: number; limit: number },
  buckets: number,
): Promise<number> {
  return connections.transaction(async (transaction) => {
    const entry = new LedgerEntry();
    let purged = 0;
    for (let bucket = 0; bucket < buckets && purged < limit; bucket++) {
      const [found] = await transaction.run(purgeable(bucket, endedBefore, limit - purged));
      const old = found!.rows.map(
        ([id, tenant, key, status]): Old => ({
          id: id as Buffer,
          tenant: textOf(tenant),
          key: key === null ? null : textOf(key),
          status: status as EndedStatus,
        }),
      );
      await transaction.run(...deletesOf(bucket, old));
      for (const { status } of old) entry.purge(bucket, status);
      purged += old.length;
    }
    if (purged > 0) await transaction.commit(...entry.statements());
    return purged;
  });
}

function deletesOf(bucket: number, old: readonly Old[]): string[] {
  const names = old.flatMap(({ tenant, key }) => (key === null ? [] : [{ tenant, key }]));
  return [
    ...portionsOf(old).map((portion) =>
      deleteEnded(
        bucket,
        portion.map(({ id }) => id),
      ),
    ),
    ...portionsOf(names).map((portion) => deleteKeys(bucket, portion)),
  ];
}
