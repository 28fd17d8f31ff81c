import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Lookups } from '../../src/store/lookups.ts';
import { encodeTimer, type TimerRow } from '../../src/store/rows.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { TimerId } from '../../src/timer/id.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aTimer } from '../support/timers.ts';

/** An id in bucket 0 of two where the number is even, else in bucket 1. */
function idOf(number: number): TimerId {
  return `019ab2c0-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as TimerId;
}

interface Statement {
  readonly bucket: number;
  readonly ids: readonly TimerId[];
  /** With the rows of those whose numbers are below 1,000. */
  answer(error?: Error): void;
}

/** Lookups whose statements end when the test says so. */
function setUp(bodyBytesMax = 1_000) {
  const clock = new FakeClock();
  const statements: Statement[] = [];
  const read = (bucket: number, ids: readonly TimerId[]): Promise<readonly TimerRow[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly TimerRow[]>();
    const rows = ids.filter((id) => id < idOf(1_000)).map((id) => encodeTimer(aTimer(0, { id })));
    statements.push({ bucket, ids, answer: (error) => (error ? reject(error) : resolve(rows.toReversed())) });
    return promise;
  };
  const lookups = new Lookups({ clock, buckets: 2, bodyBytesMax, read });
  const get = (...numbers: number[]) => Promise.all(numbers.map((number) => lookups.get(idOf(number))));
  return { clock, statements, lookups, get };
}

/** One look-up each in statements of their own, until no more may be under way. */
async function fill(get: (number: number) => Promise<unknown>): Promise<void> {
  for (let statement = 0; statement < 4; statement++) {
    void get(2).catch(() => undefined);
    await turn();
  }
}

describe('look-ups', () => {
  it('that come together are one statement for each bucket, and each has its own answer', async () => {
    const { statements, get } = setUp();
    const found = get(1, 2, 3, 4_000, 3);
    await turn();
    assert.deepEqual(
      statements.map(({ bucket, ids }) => [bucket, ids]),
      [
        [1, [idOf(1), idOf(3)]],
        [0, [idOf(2), idOf(4_000)]],
      ],
    );
    for (const { answer } of statements) answer();
    assert.deepEqual(
      (await found).map((timer) => timer?.id),
      [idOf(1), idOf(2), idOf(3), undefined, idOf(3)],
    );
  });

  it('gather while four statements are under way, and are read after they were asked for', async () => {
    const { statements, get } = setUp();
    await fill(get);
    const later = get(4, 6);
    await turn();
    assert.equal(statements.length, 4);
    statements[3]!.answer();
    await turn();
    await turn();
    assert.deepEqual(statements[4]!.ids, [idOf(4), idOf(6)]);
    statements[4]!.answer();
    assert.deepEqual(
      (await later).map((timer) => timer?.id),
      [idOf(4), idOf(6)],
    );
  });

  it('are at most 32 in a statement, or as many as 8 MiB of bodies can be', async () => {
    for (const [bodyBytesMax, sizes] of [
      [1_000, [32, 8]],
      [1024 * 1024, [8, 8, 8, 8]],
      [16 * 1024 * 1024, [1, 1, 1, 1]],
    ] as const) {
      const { statements, get } = setUp(bodyBytesMax);
      void get(...Array.from({ length: 40 }, (_, number) => 2 * number));
      for (let turns = 0; turns < 5; turns++) await turn();
      assert.deepEqual(
        statements.map(({ ids }) => ids.length),
        sizes,
      );
    }
  });

  it('fail with their statement, but not those of another bucket', async () => {
    const { statements, get } = setUp();
    const failed = [get(2), get(4)].map((one) => assert.rejects(one, { code: 'store_unavailable' }));
    const other = get(1);
    await turn();
    statements[0]!.answer(new PunctualError('store_unavailable'));
    await Promise.all(failed);
    statements[1]!.answer();
    assert.equal((await other)[0]?.id, idOf(1));
  });

  it('that meet a row which cannot be understood fail alone', async () => {
    const good = encodeTimer(aTimer(0, { id: idOf(2) }));
    const bad = encodeTimer(aTimer(0, { id: idOf(4) })).with(12, 'no JSON') as unknown as TimerRow;
    const read = async () => [good, bad];
    const lookups = new Lookups({ clock: new FakeClock(), buckets: 2, bodyBytesMax: 1_000, read });
    const [found, failed] = await Promise.allSettled([lookups.get(idOf(2)), lookups.get(idOf(4))]);
    assert.equal(found.status, 'fulfilled');
    assert.equal(failed.status, 'rejected');
  });

  it('are refused when they have waited for 5 s behind statements that hang; the other bucket goes on', async () => {
    const { clock, statements, get } = setUp();
    await fill(get);
    const waiting = assert.rejects(get(4), { code: 'store_unavailable', message: /has not answered .* for 5 s/ });
    await clock.advance(5_000);
    await waiting;
    const other = get(1);
    await turn();
    statements.at(-1)!.answer();
    assert.equal((await other)[0]?.id, idOf(1));
  });

  it('are finished on close, and refused afterwards', async () => {
    const { statements, lookups, get } = setUp();
    const before = get(2);
    let closed = false;
    const closing = lookups.close().then(() => {
      closed = true;
    });
    await assert.rejects(get(4), { code: 'store_unavailable' });
    await turn();
    assert.equal(closed, false);
    statements[0]!.answer();
    assert.equal((await before)[0]?.id, idOf(2));
    await closing;
  });
});
