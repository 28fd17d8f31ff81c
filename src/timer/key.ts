import { hash } from 'node:crypto';

/**
 * The last byte of the id of a timer that is created with this idempotency key, 0 to 255: so the key decides the bucket, and a repetition
 * meets its first copy there.
 */
export function bucketByteOfKey(key: string): number {
  return Number.parseInt(hash('sha256', key, 'hex').slice(0, 2), 16);
}
