import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ListQuery } from '../../src/store/store.ts';
import { wrapStore } from '../../src/store/wrap.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { Attempt } from '../../src/timer/outcome.ts';
import { assertProblem, Harness, receiver, strangeId } from './harness.ts';

describe('reading timers', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await Harness.start();
  });
  afterEach(() => api.stop());

  /** Takes the timer as a controller does, and lets the attempt become what the test says. */
  async function attempt(
    id: string,
    change: Partial<Attempt>,
    next: { retryAt: number } | 'done' | 'failed',
  ): Promise<void> {
    const nowMs = Math.floor(api.clock.now());
    const [claimed] = await api.store.claim({
      owner: 'c1',
      nowMs,
      horizonAt: nowMs,
      leaseUntil: nowMs + 6_000,
      limit: 1,
      bytesMax: 1e6,
      expiredBy: Number.NEGATIVE_INFINITY,
    });
    assert.equal(claimed?.timer.id, id);
    const made: Attempt = {
      number: 1,
      outcome: 'rejected',
      startedAt: nowMs,
      durationMs: 12.5,
      status: 503,
      error: 'the receiver answered 503',
      response: 'busy',
      ...change,
    };
    const settlement = {
      attempts: [made],
      attemptsMade: 1,
      attemptsMax: 8,
      next: typeof next === 'string' ? { ended: { status: next, at: nowMs } } : next,
    };
    await api.store.settle([{ id: id as TimerId, owner: 'c1', claim: claimed!.timer.claim, settlement }]);
  }

  it('shows a timer in full', async () => {
    const id = await api.create({
      delay: '10s',
      headers: { 'X-Order': '7' },
      body: 'hello',
      tags: ['a'],
      retry: { initial: '250ms', max: '90s' },
    });
    await api.clock.advance(2_500);
    const timer = (await api.get(`/timers/${id}`)).json();
    assert.deepEqual(timer, {
      id,
      status: 'waiting',
      time_left: 8,
      due_at: '2026-01-01T00:00:10.000Z',
      next_attempt_at: '2026-01-01T00:00:10.000Z',
      created_at: '2026-01-01T00:00:00.000Z',
      url: receiver,
      method: 'POST',
      headers: { 'x-order': '7', 'content-type': 'text/plain; charset=utf-8' },
      body: 'hello',
      delivery: 'at-least-once',
      retry: { max_attempts: 8, initial: '250ms', max: '90s', factor: 5 },
      timeout: '15s',
      tags: ['a'],
      append_id: true,
      lateness_ms: null,
      attempts: [],
      attempts_made: 0,
      ended_at: null,
      idempotency_key: null,
    });
  });

  it('shows each attempt, how late the first was, and when the next will be', async () => {
    const id = await api.create({ delay: '1s' });
    await api.clock.advance(1_003);
    await attempt(id, {}, { retryAt: api.clock.now() + 2_000 });
    const timer = (await api.get(`/timers/${id}`)).json();
    assert.equal(timer.status, 'waiting');
    assert.equal(timer.time_left, 0);
    assert.equal(timer.next_attempt_at, '2026-01-01T00:00:03.003Z');
    assert.equal(timer.lateness_ms, 3);
    assert.equal(timer.attempts_made, 1);
    assert.deepEqual(timer.attempts, [
      {
        number: 1,
        outcome: 'rejected',
        started_at: '2026-01-01T00:00:01.003Z',
        duration_ms: 12.5,
        status: 503,
        error: 'the receiver answered 503',
        response: 'busy',
      },
    ]);
  });

  it('shows an ended timer, and an attempt of which little is known', async () => {
    const id = await api.create({ delay: '1s' });
    await api.clock.advance(1_000);
    const unknown = { startedAt: null, durationMs: null, status: null, response: null };
    await attempt(id, { ...unknown, outcome: 'unknown' }, 'failed');
    const timer = (await api.get(`/timers/${id}`)).json();
    assert.equal(timer.status, 'failed');
    assert.equal(timer.ended_at, '2026-01-01T00:00:01.000Z');
    assert.equal(timer.next_attempt_at, null);
    assert.equal(timer.attempts[0].started_at, null);
  });

  it('does not show header values that look secret', async () => {
    const secrets = {
      Authorization: 'Bearer s3cret',
      cookie: 's3cret',
      'X-Api-Key': 's3cret',
      'x-auth-token': 's3cret',
    };
    const id = await api.create({ delay: '1s', headers: { ...secrets, accept: 'text/html' } });
    const answer = await api.get(`/timers/${id}`);
    assert.deepEqual(answer.json().headers, {
      authorization: '…',
      cookie: '…',
      'x-api-key': '…',
      'x-auth-token': '…',
      accept: 'text/html',
    });
    assert.doesNotMatch(answer.body, /s3cret/);
  });

  it('answers 400 to what is no UUID, 404 to one that names no timer, and takes any case', async () => {
    for (const id of ['7', 'x'.repeat(200), `${strangeId}0`]) {
      assertProblem(await api.get(`/timers/${id}`), 400, 'invalid_id');
      assertProblem(await api.get(`/timer/${id}`), 400, 'invalid_id');
      assertProblem(await api.post(`/timers/${id}/cancel`), 400, 'invalid_id');
      assertProblem(await api.patch(`/timers/${id}`, { delay: '1s' }), 400, 'invalid_id');
    }
    assertProblem(await api.get(`/timers/${strangeId}`), 404, 'not_found');
    assertProblem(await api.patch(`/timers/${strangeId}`, { delay: '1s' }), 404, 'not_found');
    const id = await api.create();
    assert.equal((await api.get(`/timers/${id.toUpperCase()}`)).json().id, id);
  });

  describe('as a list', () => {
    const ids = async (query: string) => {
      const answer = await api.get(`/timers${query}`);
      assert.equal(answer.statusCode, 200, answer.body);
      return answer.json().timers.map((timer: { id: string }) => timer.id);
    };

    it('pages through all timers, newest first, each exactly once', async () => {
      const created: string[] = [];
      for (let i = 0; i < 7; i++) {
        created.unshift(await api.create({ delay: '1h' }));
        await api.clock.advance(1);
      }
      const seen: string[] = [];
      let cursor: string | null = '';
      for (let pages = 0; cursor !== null; pages++) {
        assert.ok(pages < 10);
        const page: { timers: { id: string }[]; next_cursor: string | null } = (
          await api.get(`/timers?limit=3${cursor && `&cursor=${cursor}`}`)
        ).json();
        assert.ok(page.timers.length <= 3);
        seen.push(...page.timers.map((timer) => timer.id));
        cursor = page.next_cursor;
      }
      assert.deepEqual(seen, created);
    });

    it('names the databases of which it has no timers', async () => {
      await api.create();
      assert.deepEqual((await api.get('/timers')).json().missing_shards, []);
      const list = async (query: ListQuery) => ({ ...(await api.store.list(query)), missing: [1, 3] });
      const other = await Harness.start({
        store: {
          ...wrapStore(
            () => api.store,
            (_verb, call) => call,
          ),
          list,
        },
      });
      const page = (await other.get('/timers')).json();
      assert.deepEqual([page.missing_shards, page.timers.length], [[1, 3], 1]);
      await other.stop();
    });

    it('filters by status, destination, tag and due range', async () => {
      const one = await api.create({ delay: '10s', tags: ['x'], url: 'https://Example.com:443/a' });
      const two = await api.create({ delay: '20s', tags: ['y'] });
      await api.post(`/timers/${two}/cancel`);
      assert.deepEqual(await ids('?status=waiting'), [one]);
      assert.deepEqual(await ids('?status=cancelled'), [two]);
      assert.deepEqual(await ids('?tag=x'), [one]);
      assert.deepEqual(await ids('?destination=https://example.com/whatever'), [one]);
      assert.deepEqual(await ids('?destination=http://127.0.0.1:9'), [two]);
      assert.deepEqual(await ids('?due_from=2026-01-01T00:00:20Z'), [two]);
      assert.deepEqual(await ids('?due_to=2026-01-01T00:00:20Z'), [one]);
      assert.deepEqual(await ids('?due_to=2026-01-01T01:00:20%2B01:00'), [one]);
      assert.deepEqual(await ids('?status=done'), []);
    });

    it('gives 50 timers unless asked for another number, from 1 to 500', async () => {
      await api.post('/timers/batch', { timers: Array.from({ length: 501 }, () => ({ url: receiver, delay: '1h' })) });
      assert.equal((await ids('')).length, 50);
      assert.equal((await ids('?limit=1')).length, 1);
      assert.equal((await ids('?limit=500')).length, 500);
    });

    it('names the parameter that is wrong', async () => {
      const wrong: Record<string, string> = {
        status: 'status=late',
        destination: 'destination=example.com',
        due_from: 'due_from=tomorrow',
        due_to: 'due_to=2026-01-01',
        cursor: 'cursor=7',
        page: 'page=2',
        tag: 'tag=a&tag=b',
      };
      for (const [pointer, query] of Object.entries(wrong)) {
        const problem = assertProblem(await api.get(`/timers?${query}`), 400, 'invalid_request');
        assert.equal(problem.errors[0]?.pointer, pointer, query);
      }
      for (const limit of ['0', '501', '-1', '1.5', 'many', '']) {
        const problem = assertProblem(await api.get(`/timers?limit=${limit}`), 400, 'invalid_request');
        assert.equal(problem.errors[0]?.pointer, 'limit', limit);
      }
    });
  });
});
