import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { NewTimer } from '../../src/timer/timer.ts';
import { storeUnderTest } from '../support/engine-under-test.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { assertProblem, Harness, receiver, withInsert } from './harness.ts';

describe('POST /timers/batch', () => {
  let api: Harness;
  let stored: Store;
  let commits: (readonly NewTimer[])[];
  beforeEach(async () => {
    commits = [];
    stored = await storeUnderTest(new FakeClock());
    api = await Harness.start({
      store: withInsert(stored, (timers) => {
        commits.push(timers);
        return stored.insert(timers);
      }),
    });
  });
  afterEach(() => api.stop());

  const send = (...timers: unknown[]) => api.post('/timers/batch', { timers });

  it('gives each timer its own result, in order, and stores the good ones in one commit', async () => {
    const answer = await send(
      { url: receiver, delay: '1s' },
      { url: 'nonsense', delay: '1s', x: 1 },
      'no object',
      { url: receiver },
      { url: receiver, delay: '2s' },
    );
    assert.equal(answer.statusCode, 200);
    const { results } = answer.json();
    assert.deepEqual(
      results.map((result: { status: number }) => result.status),
      [201, 400, 400, 400, 201],
    );
    assert.equal(results[4].timer.time_left, 2);
    assert.deepEqual(results[1].problem.errors, [{ pointer: '/timers/1/x', detail: 'is not known here' }]);
    assert.deepEqual(results[2].problem.errors, [{ pointer: '/timers/2', detail: 'must be a JSON object' }]);
    assert.equal(results[3].problem.errors[0].pointer, '/timers/3');
    assert.equal(commits.length, 1);
    assert.deepEqual(
      commits[0]?.map(({ id }) => id),
      [results[0].timer.id, results[4].timer.id],
    );
    assert.equal(api.created, 2);
  });

  it('stores nothing when no timer is good', async () => {
    assert.equal((await send({})).json().results[0].status, 400);
    assert.equal(commits.length, 0);
  });

  it('takes an idempotency key for each timer', async () => {
    const item = { url: receiver, delay: '5s', idempotency_key: 'a' };
    const first = (await send(item)).json().results[0];
    await api.clock.advance(2_000);
    const second = (await send(item, { ...item, delay: '6s' }, { ...item, idempotency_key: 'a b' })).json().results;
    assert.deepEqual(second[0], { ...first, idempotent_replayed: true });
    assert.equal(second[1].status, 409);
    assert.equal(second[1].problem.code, 'idempotency_conflict');
    assert.equal(second[2].status, 400);
    assert.equal(second[2].problem.errors[0].pointer, '/timers/2/idempotency_key');
  });

  it('gives a timer whose database does not take it a 503 of its own, and stores the others', async () => {
    const down = new PunctualError('store_unavailable', { message: 'Shard 1 does not answer.' });
    const part = await Harness.start({
      store: withInsert(stored, async (timers) => {
        const results = await stored.insert(timers.slice(1));
        return [{ kind: 'refused', error: down }, ...results];
      }),
    });
    const timers = [{ url: receiver }, { url: receiver, delay: '1s' }, { url: receiver, delay: '2s' }];
    const { results } = (await part.post('/timers/batch', { timers })).json();
    assert.deepEqual(
      results.map((result: { status: number }) => result.status),
      [400, 503, 201],
    );
    assert.equal(results[1].problem.code, 'store_unavailable');
    assert.equal(results[1].problem.detail, 'Shard 1 does not answer.');
    assert.equal(results[2].timer.time_left, 2);
    assert.equal(part.created, 1);
    assert.equal(part.refused, 1);
    const [line] = part.log.filter(({ msg }) => msg === 'a part of a batch was refused');
    assert.deepEqual([line?.code, line?.reason, line?.count], ['store_unavailable', 'Shard 1 does not answer.', 1]);
    await part.stop();
  });

  it('logs a defect that only a part of it met, and tells the client nothing of it', async () => {
    const defect = new PunctualError('internal', { cause: new TypeError('secret') });
    const part = await Harness.start({
      store: withInsert(stored, async ([first]) => [
        ...(await stored.insert([first!])),
        { kind: 'refused', error: defect },
      ]),
    });
    const timers = [
      { url: receiver, delay: '1s' },
      { url: receiver, delay: '2s' },
    ];
    const answer = await part.post('/timers/batch', { timers });
    assert.equal(answer.json().results[1].status, 500);
    assert.doesNotMatch(answer.body, /secret/);
    const errors = part.log.filter(({ level }) => level === 50);
    assert.deepEqual(
      errors.map(({ msg, err }) => [msg, (err as { message: string }).message]),
      [['a part of a batch failed', 'secret']],
    );
    assert.equal(part.refused, 0);
    await part.stop();
  });

  it('shares its keys with single creates', async () => {
    const other = await Harness.start({ store: stored });
    const single = await other.post('/timers', { url: receiver, delay: '5s' }, { 'idempotency-key': 'shared' });
    const [result] = (await send({ url: receiver, delay: '5s', idempotency_key: 'shared' })).json().results;
    assert.deepEqual(result.timer, single.json());
    assert.equal(result.idempotent_replayed, true);
    await other.app.close();
  });

  it('takes 1 to 1,000 timers', async () => {
    const many = (count: number) => Array.from({ length: count }, () => ({ url: receiver, delay: '1s' }));
    const answer = await send(...many(1_000));
    assert.ok(answer.json().results.every((result: { status: number }) => result.status === 201));
    assertProblem(await send(...many(1_001)), 400, 'invalid_request');
    assertProblem(await send(), 400, 'invalid_request');
    assert.equal(commits.length, 1);
  });

  it('refuses what is around the timers when that is wrong', async () => {
    const wrong: [object, string][] = [
      [{ timers: {} }, '/timers'],
      [{}, '/timers'],
      [{ timers: [{}], more: 1 }, '/more'],
      [[], ''],
    ];
    for (const [body, pointer] of wrong) {
      const problem = assertProblem(await api.post('/timers/batch', body), 400, 'invalid_request');
      assert.equal(problem.errors[0]?.pointer, pointer);
    }
  });

  it('refuses a key for the batch as a whole', async () => {
    const answer = await api.post('/timers/batch', { timers: [{}] }, { 'idempotency-key': 'k' });
    assert.equal(assertProblem(answer, 400, 'invalid_request').errors[0]?.pointer, 'idempotency-key');
  });

  it('has a body limit of its own', async () => {
    const item = (bytes: number) => ({ url: receiver, delay: '1s', body: 'x'.repeat(bytes) });
    assert.equal((await send(item(200_000), item(200_000))).statusCode, 200);
    const problem = assertProblem(await send(item(1_048_576)), 413, 'body_too_large');
    assert.match(problem.detail, /1048576 bytes/);
  });
});

it('a large batch lets other work through: no more than 100 of its timers are made in one go', async () => {
  let turn = 0;
  const madeIn = new Map<number, number>();
  const random = seededRandom(3);
  const api = await Harness.start({
    random: {
      fraction: () => random.fraction(),
      fill: (bytes) => {
        madeIn.set(turn, (madeIn.get(turn) ?? 0) + 1);
        random.fill(bytes);
      },
    },
  });
  let over = false;
  const count = () => {
    turn += 1;
    if (!over) setImmediate(count);
  };
  count();
  const timers = Array.from({ length: 1_000 }, () => ({ url: receiver, delay: '1h' }));
  const answer = await api.post('/timers/batch', { timers });
  over = true;
  await api.stop();
  const { results } = answer.json<{ results: { status: number }[] }>();
  assert.ok(results.length === 1_000 && results.every(({ status }) => status === 201));
  assert.ok(Math.max(...madeIn.values()) <= 100);
});
