import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { parseTimerId, type TimerId } from '../../src/timer/id.ts';
import type { EndedStatus, Timer } from '../../src/timer/timer.ts';
import { assertProblem, Harness, receiver, strangeId } from './harness.ts';

describe('changing a timer', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await Harness.start();
  });
  afterEach(() => api.stop());

  const stored = async (id: string): Promise<Timer> => (await api.store.get(parseTimerId(id)!))!;

  async function claim(id: string): Promise<Timer> {
    const nowMs = api.clock.now();
    const claimed = await api.store.claim({
      owner: 'c1',
      nowMs,
      horizonAt: Number.MAX_SAFE_INTEGER,
      leaseUntil: nowMs + 6_000,
      limit: 100,
      bytesMax: 1e6,
      expiredBy: Number.NEGATIVE_INFINITY,
    });
    return claimed.find(({ timer }) => timer.id === id)!.timer;
  }

  async function end(id: string, status: EndedStatus): Promise<void> {
    const { claim: number } = await claim(id);
    const at = api.clock.now();
    const attempt = {
      number: 1,
      outcome: 'unknown',
      startedAt: at,
      durationMs: 1,
      status: null,
      error: 'cut',
      response: null,
    } as const;
    const settlement = { attempts: [attempt], attemptsMade: 1, attemptsMax: 8, next: { ended: { status, at } } };
    await api.store.settle([{ id: id as TimerId, owner: 'c1', claim: number, settlement }]);
  }

  describe('PATCH /timers/{id}', () => {
    it('reschedules, tells the controller, and leaves the rest as it is', async () => {
      const id = await api.create({ delay: '10s', body: 'hello' });
      await api.clock.advance(1_000);
      const answer = await api.patch(`/timers/${id}`, { delay: '5s' });
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.json().due_at, '2026-01-01T00:00:06.000Z');
      assert.equal(answer.json().body, 'hello');
      assert.equal(api.woken.at(-1), Date.UTC(2026, 0, 1, 0, 0, 6));
      assert.equal((await stored(id)).dueAt, Date.UTC(2026, 0, 1, 0, 0, 6));
    });

    it('changes what is sent and leaves the time as it is', async () => {
      const id = await api.create({ delay: '10s', body: 'hello', tags: ['a'] });
      const answer = await api.patch(`/timers/${id}`, { url: 'http://other.example/', body: null, tags: [] });
      const timer = answer.json();
      assert.equal(timer.due_at, '2026-01-01T00:00:10.000Z');
      assert.equal(timer.url, 'http://other.example/');
      assert.equal(timer.body, null);
      assert.deepEqual(timer.tags, []);
    });

    it('obeys the rules of a create', async () => {
      const id = await api.create();
      const wrong: [object, string][] = [
        [{}, ''],
        [{ url: 'nonsense', delay: 'soon' }, '/url'],
        [{ url: 'nonsense', delay: 'soon' }, '/delay'],
        [{ hours: '1' }, '/hours'],
        [{ colour: 'red' }, '/colour'],
        [{ delay: '1s', at: '2027-01-01T00:00:00Z' }, '/at'],
        [{ tags: null }, '/tags'],
        [{ at: '2020-01-01T00:00:00Z' }, '/at'],
      ];
      for (const [change, pointer] of wrong) {
        const problem = assertProblem(await api.patch(`/timers/${id}`, change), 400, 'invalid_request');
        assert.ok(
          problem.errors.some((error) => error.pointer === pointer),
          JSON.stringify(problem.errors),
        );
      }
      assert.equal((await stored(id)).claim, 0, 'nothing was changed');
    });

    it('is refused when it is too late', async () => {
      const held = await api.create();
      await claim(held);
      assertProblem(await api.patch(`/timers/${held}`, { delay: '1s' }), 409, 'too_late');
      const ended = await api.create();
      await end(ended, 'done');
      assertProblem(await api.patch(`/timers/${ended}`, { delay: '1s' }), 409, 'already_ended');
    });
  });

  describe('POST /timers/{id}/cancel', () => {
    it('promises that the timer is never sent, and repeats the promise', async () => {
      const id = await api.create();
      for (let i = 0; i < 2; i++) {
        const answer = await api.post(`/timers/${id}/cancel`);
        assert.equal(answer.statusCode, 200);
        assert.equal(answer.json().status, 'cancelled');
        assert.equal(answer.json().time_left, 0);
      }
      assert.equal((await stored(id)).ended?.status, 'cancelled');
      assert.equal(api.log.filter(({ msg }) => msg === 'timer cancelled').length, 1);
    });

    it('says why when it can no longer promise that', async () => {
      const held = await api.create();
      await claim(held);
      assert.match(assertProblem(await api.post(`/timers/${held}/cancel`), 409, 'too_late').detail, /holds the timer/);
      const done = await api.create();
      await end(done, 'done');
      assert.match(assertProblem(await api.post(`/timers/${done}/cancel`), 409, 'too_late').detail, /done/);
    });

    it('takes no body, in any of the ways in which clients send none', async () => {
      const json = { 'content-type': 'application/json' };
      for (const payload of [undefined, '', '{}', 'null']) {
        const id = await api.create();
        const answer = await api.call({
          method: 'POST',
          url: `/timers/${id}/cancel`,
          headers: json,
          ...(payload === undefined ? {} : { payload }),
        });
        assert.equal(answer.statusCode, 200, `${payload}: ${answer.body}`);
      }
      const id = await api.create();
      assertProblem(await api.post(`/timers/${id}/cancel`, { because: 'no' }), 400, 'invalid_request');
      assertProblem(await api.post(`/timers/${id}/cancel`, []), 400, 'invalid_request');
      assert.equal((await stored(id)).ended, null);
    });
  });

  it('POST /timers/{id}/fire makes a waiting timer due at once', async () => {
    const id = await api.create({ delay: '1h' });
    await api.clock.advance(1_000);
    const answer = await api.post(`/timers/${id}/fire`);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.json().due_at, '2026-01-01T00:00:01.000Z');
    assert.equal(api.woken.at(-1), api.clock.now());
    await end(id, 'done');
    assertProblem(await api.post(`/timers/${id}/fire`), 409, 'already_ended');
    const held = await api.create();
    await claim(held);
    assertProblem(await api.post(`/timers/${held}/fire`), 409, 'too_late');
  });

  it('POST /timers/{id}/retry sends a failed timer again, and only such a one', async () => {
    const id = await api.create();
    assertProblem(await api.post(`/timers/${id}/retry`), 409, 'not_ended');
    await end(id, 'failed');
    const answer = await api.post(`/timers/${id}/retry`);
    assert.equal(answer.json().status, 'waiting');
    assert.equal(api.woken.at(-1), api.clock.now());
    await end(id, 'done');
    assertProblem(await api.post(`/timers/${id}/retry`), 409, 'already_ended');
  });

  it('POST /timers/{id}/resolve says what became of an uncertain timer', async () => {
    for (const [as, status] of [
      ['done', 'done'],
      ['failed', 'failed'],
      ['retry', 'waiting'],
    ]) {
      const id = await api.create();
      await end(id, 'uncertain');
      const answer = await api.post(`/timers/${id}/resolve`, { as });
      assert.equal(answer.statusCode, 200, answer.body);
      assert.equal(answer.json().status, status);
    }
  });

  it('POST /timers/{id}/resolve refuses what makes no sense', async () => {
    const id = await api.create();
    assertProblem(await api.post(`/timers/${id}/resolve`, { as: 'done' }), 409, 'not_ended');
    assertProblem(await api.post(`/timers/${id}/resolve`, { as: 'retry' }), 409, 'not_ended');
    for (const body of [{}, { as: 'cancelled' }, { as: 'done', why: 1 }, undefined]) {
      assertProblem(await api.post(`/timers/${id}/resolve`, body), 400, 'invalid_request');
    }
    await end(id, 'failed');
    assertProblem(await api.post(`/timers/${id}/resolve`, { as: 'done' }), 409, 'already_ended');
  });

  it('answers 404 for a timer that there is not', async () => {
    for (const verb of ['cancel', 'fire', 'retry']) {
      assertProblem(await api.post(`/timers/${strangeId}/${verb}`), 404, 'not_found');
    }
    assertProblem(await api.post(`/timers/${strangeId}/resolve`, { as: 'done' }), 404, 'not_found');
  });

  describe('while others change the same timer', () => {
    /** The store, but each change comes too late until it was tried so often; `meanwhile` is what happens then. */
    function contested(lost: number, meanwhile: (id: TimerId) => Promise<unknown> = async () => {}): Store {
      let tries = 0;
      return Object.assign(Object.create(api.store), {
        get: (id: TimerId) => api.store.get(id),
        change: async (change: Parameters<Store['change']>[0]) => {
          if (++tries > lost) return api.store.change(change);
          await meanwhile(change.before.id);
          return 'lost';
        },
      });
    }

    it('reads and decides again', async () => {
      const id = await api.create();
      const other = await Harness.start({ store: contested(4) });
      assert.equal((await other.post(`/timers/${id}/cancel`)).json().status, 'cancelled');
      await other.stop();
    });

    it('gives up after five tries', async () => {
      const id = await api.create();
      const other = await Harness.start({ store: contested(5) });
      assertProblem(await other.post(`/timers/${id}/cancel`), 409, 'changed_meanwhile');
      assert.equal((await stored(id)).ended, null);
      await other.stop();
    });

    it('answers by what the timer has become', async () => {
      const id = await api.create();
      const other = await Harness.start({ store: contested(1, claim) });
      assertProblem(await other.post(`/timers/${id}/cancel`), 409, 'too_late');
      await other.stop();
    });
  });

  it('is logged, one line each, without bodies, header values or queries', async () => {
    const id = await api.create({ url: `${receiver}?q=s3cret`, delay: '1h', body: 's3cret', headers: { x: 's3cret' } });
    await api.patch(`/timers/${id}`, { delay: '2h', body: 's3cret too' });
    await api.post(`/timers/${id}/fire`);
    await end(id, 'uncertain');
    await api.post(`/timers/${id}/retry`);
    await end(id, 'uncertain');
    await api.post(`/timers/${id}/resolve`, { as: 'failed' });
    const other = await api.create();
    await api.post(`/timers/${other}/cancel`);
    const lines = api.log.filter((line) => line.level === 30);
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      [
        'timer created',
        'timer changed',
        'timer fired by hand',
        'timer retried by hand',
        'timer resolved as failed',
        'timer created',
        'timer cancelled',
      ],
    );
    assert.equal(lines[0]?.id, id);
    assert.equal(lines[0]?.due_at, '2026-01-01T01:00:00.000Z');
    assert.equal(lines[0]?.destination, 'http://127.0.0.1:9');
    assert.doesNotMatch(JSON.stringify(api.log), /s3cret/);
  });
});
