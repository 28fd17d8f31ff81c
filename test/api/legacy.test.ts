import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseTimerId } from '../../src/timer/id.ts';
import { assertProblem, Harness, receiver, strangeId } from './harness.ts';

describe('the original contract', () => {
  let api: Harness;
  before(async () => {
    api = await Harness.start();
  });
  after(() => api.stop());

  for (const path of ['/timer', '/timer/']) {
    it(`POST ${path} answers 200 with id and time_left alone`, async () => {
      const answer = await api.post(path, { hours: 1, minutes: 2, seconds: 3, url: receiver });
      assert.equal(answer.statusCode, 200);
      const { id } = answer.json();
      assert.deepEqual(answer.json(), { id, time_left: 3_723 });
      const timer = await api.store.get(parseTimerId(id)!);
      assert.equal(timer?.spec.method, 'POST');
      assert.equal(timer?.spec.appendId, true);
    });

    it(`POST ${path} presets no hours, no minutes and one second`, async () => {
      assert.equal((await api.post(path, { url: receiver })).json().time_left, 1);
      assert.equal((await api.post(path, { url: receiver, minutes: 1 })).json().time_left, 61);
      assert.equal((await api.post(path, { url: receiver, seconds: 0 })).json().time_left, 0);
    });

    it(`POST ${path} refuses what the original refused, and what it did not know`, async () => {
      const wrong: [object, string][] = [
        [{}, '/url'],
        [{ url: receiver, seconds: -1 }, '/seconds'],
        [{ url: receiver, hours: '1' }, '/hours'],
        [{ url: receiver, minutes: 0.5 }, '/minutes'],
        [{ url: 'nonsense' }, '/url'],
        [{ url: receiver, hours: 87_841 }, '/hours'],
        [{ url: receiver, delay: '1s' }, '/delay'],
      ];
      for (const [body, pointer] of wrong) {
        const problem = assertProblem(await api.post(path, body), 400, 'invalid_request');
        assert.equal(problem.errors[0]?.pointer, pointer);
      }
    });
  }

  it('reads a timer as id, status and time_left, with and without the trailing slash', async () => {
    const { id } = (await api.post('/timer/', { seconds: 5, url: receiver })).json();
    await api.clock.advance(1_500);
    for (const path of [`/timer/${id}`, `/timer/${id}/`]) {
      const answer = await api.get(path);
      assert.equal(answer.statusCode, 200);
      assert.deepEqual(answer.json(), { id, status: 'waiting', time_left: 4 });
    }
    await api.post(`/timers/${id}/cancel`);
    assert.deepEqual((await api.get(`/timer/${id}`)).json(), { id, status: 'cancelled', time_left: 0 });
  });

  it('answers 404 for a timer that there is not', async () => {
    assertProblem(await api.get(`/timer/${strangeId}`), 404, 'not_found');
  });

  it('takes an idempotency key as well', async () => {
    const send = () => api.post('/timer/', { url: receiver }, { 'idempotency-key': 'k' });
    const first = await send();
    const second = await send();
    assert.equal(second.body, first.body);
    assert.equal(second.headers['idempotent-replayed'], 'true');
  });
});
