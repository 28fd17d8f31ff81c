import type { Random } from './random.ts';

declare const timerId: unique symbol;

/** A timer's id: a UUIDv7 (RFC 9562, section 5.7) in lower case. It says when the timer was created and where it lives. */
export type TimerId = string & { readonly [timerId]: true };

/** `rand_a` has 12 bits, so there are at most this many shards. */
export const shardsMax = 4096;
/** The bucket is taken from one byte, so a shard has at most this many buckets. */
export const bucketsMax = 256;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Where a new timer shall live. Without `bucketByte` the bucket is left to chance. */
export interface Place {
  /** 0 to 4,095. */
  readonly shard: number;
  /** The id's last byte, 0 to 255; the bucket is this modulo the shard's number of buckets. */
  readonly bucketByte?: number;
}

/** Makes the id of a timer created at `nowMs` (milliseconds since the epoch). Throws a RangeError where there is no such place. */
export function newTimerId(nowMs: number, random: Random, place: Place): TimerId {
  // A wrong place in the id would hide the timer from every look-up.
  requireBelow(shardsMax, place.shard, 'shard');
  if (place.bucketByte !== undefined) requireBelow(bucketsMax, place.bucketByte, 'bucketByte');
  const bytes = new Uint8Array(16);
  random.fill(bytes.subarray(6));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs >>> 0);
  view.setUint16(6, 0x7000 | place.shard);
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  if (place.bucketByte !== undefined) view.setUint8(15, place.bucketByte);
  return idFromBytes(bytes);
}

function requireBelow(limit: number, value: number, name: string): void {
  if (Number.isInteger(value) && value >= 0 && value < limit) return;
  throw new RangeError(`${name} must be a whole number from 0 to ${limit - 1}, not ${value}`);
}

/** Reads a client's text as an id. Any UUID is accepted in either case (one that is no UUIDv7 simply names no timer); else undefined. */
export function parseTimerId(text: string): TimerId | undefined {
  const lower = text.toLowerCase();
  return uuidPattern.test(lower) ? (lower as TimerId) : undefined;
}

/** The shard written in the id, 0 to 4,095. */
export function shardOf(id: TimerId): number {
  return Number.parseInt(id.slice(15, 18), 16);
}

/** The same id in another shard: all that it says besides stays. Throws a RangeError where there is no such shard. */
export function withShard(id: TimerId, shard: number): TimerId {
  requireBelow(shardsMax, shard, 'shard');
  return `${id.slice(0, 15)}${shard.toString(16).padStart(3, '0')}${id.slice(18)}` as TimerId;
}

/** The bucket of the id in a shard that was made with `buckets` buckets. */
export function bucketOf(id: TimerId, buckets: number): number {
  return Number.parseInt(id.slice(34, 36), 16) % buckets;
}

/** When the timer was created, in milliseconds since the epoch. */
export function createdAtOf(id: TimerId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The id as 16 bytes, as engines keep it; the order of the bytes is the order of creation, to the millisecond. */
export function idToBytes(id: TimerId): Uint8Array {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** The id of 16 bytes. */
export function idFromBytes(bytes: Uint8Array): TimerId {
  const hex = bytes.toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as TimerId;
}
