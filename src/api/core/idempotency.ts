import { hash } from 'node:crypto';
import type { Place } from '../../timer/id.ts';
import { bucketByteOfKey } from '../../timer/key.ts';
import type { Idempotency } from '../../timer/timer.ts';

/** What an idempotency key means for the timer: the key decides the bucket, so that a repetition meets its first copy there. */
export function keyed(
  request: unknown,
  key: string | undefined,
): { readonly idempotency: Idempotency | null; readonly place: Place } {
  if (key === undefined) return { idempotency: null, place: { shard: 0 } };
  return {
    idempotency: { key, fingerprint: hash('sha256', canonicalJson(request), 'hex') },
    place: { shard: 0, bucketByte: bucketByteOfKey(key) },
  };
}

/** JSON that is the same for equal values, whatever the order of their fields: names sorted, no spaces. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  const fields = names.map(
    (name) => `${JSON.stringify(name)}:${canonicalJson((value as Record<string, unknown>)[name])}`,
  );
  return `{${fields.join(',')}}`;
}
