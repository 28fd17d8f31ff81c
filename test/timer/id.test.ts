import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bucketOf,
  bucketsMax,
  createdAtOf,
  idFromBytes,
  idToBytes,
  newTimerId,
  parseTimerId,
  shardOf,
  shardsMax,
  withShard,
} from '../../src/timer/id.ts';
import { seededRandom } from '../support/seeded-random.ts';

const instants = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const shards = fc.integer({ min: 0, max: shardsMax - 1 });
const bytes = fc.integer({ min: 0, max: bucketsMax - 1 });
const seeds = fc.integer();

describe('a new id', () => {
  it('has the layout of RFC 9562, section 5.7: 48 bits of time, version 7, variant 10', () => {
    const random = { fraction: () => 0, fill: (target: Uint8Array) => target.fill(0xff) };
    const id = newTimerId(0x017f22e279b0, random, { shard: 0xabc, bucketByte: 0x05 });
    assert.equal(id, '017f22e2-79b0-7abc-bfff-ffffffffff05');
  });

  it('is a valid UUIDv7 for every time, shard and chance', () => {
    fc.assert(
      fc.property(instants, shards, seeds, (nowMs, shard, seed) => {
        const id = newTimerId(nowMs, seededRandom(seed), { shard });
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  it('tells when the timer was created and where it lives', () => {
    fc.assert(
      fc.property(instants, shards, bytes, fc.integer({ min: 1, max: bucketsMax }), (nowMs, shard, byte, buckets) => {
        const id = newTimerId(nowMs, seededRandom(nowMs), { shard, bucketByte: byte });
        assert.equal(createdAtOf(id), nowMs);
        assert.equal(shardOf(id), shard);
        assert.equal(bucketOf(id, buckets), byte % buckets);
      }),
    );
  });

  it('can be moved to another shard, and stays the same besides', () => {
    fc.assert(
      fc.property(instants, shards, shards, seeds, (nowMs, shard, other, seed) => {
        const id = newTimerId(nowMs, seededRandom(seed), { shard });
        assert.equal(withShard(id, other), newTimerId(nowMs, seededRandom(seed), { shard: other }));
        assert.equal(withShard(id, shard), id);
      }),
    );
    const id = newTimerId(0, seededRandom(1), { shard: 0 });
    for (const shard of [-1, 4_096, 0.5, Number.NaN]) assert.throws(() => withShard(id, shard), RangeError);
  });

  it('keeps whole milliseconds of a time with fractions', () => {
    assert.equal(createdAtOf(newTimerId(1_795_435_200_000.999, seededRandom(1), { shard: 0 })), 1_795_435_200_000);
  });

  it('sorts after every id of an earlier millisecond, as text and as bytes', () => {
    fc.assert(
      fc.property(instants, instants, shards, shards, seeds, (one, other, shardOne, shardOther, seed) => {
        fc.pre(one !== other);
        const random = seededRandom(seed);
        const [earlier, later] = [Math.min(one, other), Math.max(one, other)];
        const first = newTimerId(earlier, random, { shard: shardOne });
        const second = newTimerId(later, random, { shard: shardOther });
        assert.ok(first < second);
        assert.ok(Buffer.compare(idToBytes(first), idToBytes(second)) < 0);
      }),
    );
  });

  it('spreads over all buckets when none is asked for', () => {
    const random = seededRandom(7);
    const buckets = new Set(Array.from({ length: 400 }, () => bucketOf(newTimerId(0, random, { shard: 0 }), 32)));
    assert.equal(buckets.size, 32);
  });

  for (const place of [
    { shard: 4096 },
    { shard: -1 },
    { shard: 0.5 },
    { shard: Number.NaN },
    { shard: 0, bucketByte: 256 },
    { shard: 0, bucketByte: -1 },
  ]) {
    it(`is not made for a place that does not exist: ${JSON.stringify(place)}`, () => {
      assert.throws(() => newTimerId(0, seededRandom(1), place), RangeError);
    });
  }
});

describe('an id in bytes', () => {
  it('comes back as the same id', () => {
    fc.assert(
      fc.property(instants, shards, seeds, (nowMs, shard, seed) => {
        const id = newTimerId(nowMs, seededRandom(seed), { shard });
        assert.equal(idToBytes(id).length, 16);
        assert.equal(idFromBytes(idToBytes(id)), id);
      }),
    );
  });
});

describe('a text', () => {
  it('is an id in either case, and read in lower case', () => {
    assert.equal(parseTimerId('017F22E2-79B0-7ABC-bfff-ffffffffff05'), '017f22e2-79b0-7abc-bfff-ffffffffff05');
  });

  it('is an id when it is a UUID of any version: it names no timer, but is not malformed', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => assert.equal(parseTimerId(uuid), uuid)));
  });

  for (const text of [
    '',
    '017f22e279b07abcbfffffffffffff05',
    '{017f22e2-79b0-7abc-bfff-ffffffffff05}',
    'urn:uuid:017f22e2-79b0-7abc-bfff-ffffffffff05',
    '017f22e2-79b0-7abc-bfff-ffffffffff0g',
    ' 017f22e2-79b0-7abc-bfff-ffffffffff05',
    '017f22e2-79b0-7abc-bfff-ffffffffff05\n',
    '017f22e2-79b0-7abc-bfff-ffffffffff055',
  ]) {
    it(`is no id: ${JSON.stringify(text)}`, () => assert.equal(parseTimerId(text), undefined));
  }
});
