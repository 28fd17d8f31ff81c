import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Lookups } from '../../src/store/lookups.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { Timer } from '../../src/timer/timer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aTimer } from '../support/timers.ts';

/** An id in bucket 0 of two where the number is even, else in bucket 1. */
function idOf(number: number): TimerId {
  return `019ab2c0-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as TimerId;
}

/** Lookups of a store that has timers with the numbers below 1,000, and answers when the test says so. */
function setUp() {
  const clock = new FakeClock();
  const statements: { readonly bucket: number; readonly ids: readonly TimerId[]; answer(error?: Error): void }[] = [];
  const read = (bucket: number, ids: readonly TimerId[]): Promise<readonly Timer[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Timer[]>();
    const known = ids.filter((id) => id < idOf(1_000)).map((id) => aTimer(0, { id }));
    statements.push({ bucket, ids, answer: (error) => (error ? reject(error) : resolve(known.toReversed())) });
    return promise;
  };
  return { clock, statements, lookups: new Lookups({ clock, buckets: 2, read }) };
}

describe('look-ups', () => {
  it('that come together are one statement for each bucket, and each has its own answer', async () => {
    const { statements, lookups } = setUp();
    const found = Promise.all([1, 2, 3, 4_000, 3].map((number) => lookups.get(idOf(number))));
    await turn();
    assert.deepEqual(
      statements.map(({ bucket, ids }) => [bucket, ids]),
      [
        [0, [idOf(2), idOf(4_000)]],
        [1, [idOf(1), idOf(3)]],
      ],
    );
    for (const { answer } of statements) answer();
    assert.deepEqual(
      (await found).map((timer) => timer?.id),
      [idOf(1), idOf(2), idOf(3), undefined, idOf(3)],
    );
  });

  it('that come while others are being read are read afterwards, together', async () => {
    const { statements, lookups } = setUp();
    const first = lookups.get(idOf(2));
    await turn();
    const later = [4, 6].map((number) => lookups.get(idOf(number)));
    await turn();
    assert.equal(statements.length, 1);
    statements[0]!.answer();
    await first;
    await turn();
    assert.deepEqual(statements[1]!.ids, [idOf(4), idOf(6)]);
    statements[1]!.answer();
    assert.deepEqual(
      (await Promise.all(later)).map((timer) => timer?.id),
      [idOf(4), idOf(6)],
    );
  });

  it('are at most a hundred in a statement', async () => {
    const { statements, lookups } = setUp();
    const found = Promise.all(Array.from({ length: 150 }, (_, number) => lookups.get(idOf(2 * number))));
    await turn();
    statements[0]!.answer();
    await turn();
    await turn();
    statements[1]!.answer();
    await found;
    assert.deepEqual(
      statements.map(({ ids }) => ids.length),
      [100, 50],
    );
  });

  it('fail together with their statement, and the next ones go on', async () => {
    const { statements, lookups } = setUp();
    const failed = Promise.allSettled([lookups.get(idOf(2)), lookups.get(idOf(4))]);
    await turn();
    statements[0]!.answer(new PunctualError('store_unavailable'));
    assert.deepEqual(
      (await failed).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    const next = lookups.get(idOf(2));
    await turn();
    statements[1]!.answer();
    assert.equal((await next)?.id, idOf(2));
  });

  it('are refused when they have waited for 5 s behind a statement that hangs', async () => {
    const { clock, lookups } = setUp();
    void lookups.get(idOf(2));
    await turn();
    const waiting = assert.rejects(lookups.get(idOf(4)), { code: 'overloaded' });
    await clock.advance(5_000);
    await waiting;
  });
});
