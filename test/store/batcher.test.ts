import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batcher, type BatcherOptions } from '../../src/store/batcher.ts';
import { FakeClock, settlePromises } from '../support/fake-clock.ts';

/** A batcher whose commits end when the test says so. */
function setUp(change: Partial<BatcherOptions<number, string>> = {}) {
  const clock = new FakeClock();
  const batches: { readonly items: readonly number[]; readonly end: (error?: Error) => void }[] = [];
  const batcher = new Batcher<number, string>({
    clock,
    batchMax: 10,
    queuedMax: 20,
    waitMsMax: 2_000,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({
          items,
          end: (error) => (error ? reject(error) : resolve(items.map((item) => `stored ${item}`))),
        });
      }),
    ...change,
  });
  return { clock, batches, batcher };
}

test('what comes in one turn of the event loop travels together at its end', async () => {
  const { batcher, batches } = setUp();
  void batcher.add(1);
  void batcher.add(2);
  assert.equal(batches.length, 0);
  await settlePromises();
  assert.deepEqual(batches[0]?.items, [1, 2]);
  assert.equal(batcher.length, 0);
});

test('what comes during a commit travels together in the next, and each gets its own result', async () => {
  const { batcher, batches } = setUp();
  const first = batcher.add(1);
  await settlePromises();
  const results = Promise.all([first, batcher.add(2), batcher.add(3)]);
  batches[0]!.end();
  await settlePromises();
  assert.deepEqual(batches[1]?.items, [2, 3]);
  batches[1]!.end();
  assert.deepEqual(await results, ['stored 1', 'stored 2', 'stored 3']);
});

test('items that were added together share a commit, even where they are more than fit in one', async () => {
  const { batcher, batches } = setUp({ queuedMax: 100 });
  void batcher.add(0);
  await settlePromises();
  void batcher.addAll([1, 2, 3, 4, 5, 6]);
  void batcher.addAll([7, 8, 9, 10, 11, 12]);
  const large = Array.from({ length: 30 }, (_, index) => 20 + index);
  void batcher.addAll(large);
  for (let batch = 0; batch < 3; batch++) {
    batches[batch]!.end();
    await settlePromises();
  }
  assert.deepEqual(
    batches.map(({ items }) => items),
    [[0], [1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], large],
  );
});

test('a failed commit fails its own items and no others', async () => {
  const { batcher, batches } = setUp();
  const first = batcher.add(1);
  await settlePromises();
  const second = batcher.add(2);
  batches[0]!.end(new Error('disk full'));
  await assert.rejects(first, /disk full/);
  await settlePromises();
  batches[1]!.end();
  assert.equal(await second, 'stored 2');
});

test('past the queue an item is refused, and is never handed to the store', async () => {
  const { batcher, batches } = setUp({ queuedMax: 2 });
  void batcher.add(1);
  await settlePromises();
  void batcher.add(2);
  void batcher.add(3);
  await assert.rejects(batcher.add(4), { code: 'overloaded' });
  batches[0]!.end();
  await settlePromises();
  assert.deepEqual(batches[1]?.items, [2, 3]);
});

test('what has waited too long behind a commit that hangs is refused, the younger ones are not', async () => {
  const { batcher, batches, clock } = setUp();
  void batcher.add(1);
  await settlePromises();
  const old = assert.rejects(batcher.add(2), { code: 'overloaded' });
  await clock.advance(1_500);
  void batcher.add(3);
  await clock.advance(500);
  await old;
  assert.equal(batcher.length, 1);
  batches[0]!.end();
  await settlePromises();
  assert.deepEqual(batches[1]?.items, [3]);
});

test('past the bytes that may wait an item is refused, but a single large one is not', async () => {
  const { batcher, batches } = setUp({ queuedBytes: { max: 100, of: (item) => item } });
  void batcher.add(1);
  await settlePromises();
  void batcher.add(60);
  await assert.rejects(batcher.add(50), { code: 'overloaded' });
  void batcher.add(40);
  batches[0]!.end();
  await settlePromises();
  assert.deepEqual(batches[1]?.items, [60, 40]);
  void batcher.add(1_000);
  assert.equal(batcher.length, 1);
});

test('it is idle when nothing waits and nothing is being committed', async () => {
  const { batcher, batches } = setUp();
  await batcher.idle();
  let idle = false;
  void batcher.add(1);
  await settlePromises();
  void batcher.add(2);
  void batcher.idle().then(() => {
    idle = true;
  });
  batches[0]!.end();
  await settlePromises();
  assert.equal(idle, false);
  batches[1]!.end();
  await settlePromises();
  assert.equal(idle, true);
});

test('several batches may be under way', async () => {
  const { batcher, batches } = setUp({ parallelMax: 2, batchMax: 2 });
  for (let item = 1; item <= 5; item++) void batcher.add(item);
  for (let turns = 0; turns < 3; turns++) await settlePromises();
  assert.deepEqual(
    batches.map(({ items }) => items),
    [
      [1, 2],
      [3, 4],
    ],
  );
  batches[1]!.end();
  for (let turns = 0; turns < 3; turns++) await settlePromises();
  assert.deepEqual(batches[2]!.items, [5]);
  assert.equal(batcher.isBusy, true);
});
