import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { settlePromises } from '../support/fake-clock.ts';
import { assertProblem, Harness } from './harness.ts';

describe('the built-in receiver', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await Harness.start();
  });
  afterEach(() => api.stop());

  const calls = async () => (await api.get('/echo')).json().calls;

  it('says back what it got', async () => {
    const answer = await api.call({
      method: 'POST',
      url: '/echo/some/where?q=1',
      headers: { 'x-order': '7', 'content-type': 'text/weird' },
      payload: '{"half": ',
    });
    assert.equal(answer.statusCode, 200);
    const call = answer.json();
    assert.equal(call.method, 'POST');
    assert.equal(call.path, '/echo/some/where?q=1');
    assert.equal(call.headers['x-order'], '7');
    assert.equal(call.body, '{"half": ');
    assert.equal(call.body_bytes, 9);
    assert.equal(call.received_at, '2026-01-01T00:00:00.000Z');
    assert.deepEqual(await calls(), [call]);
  });

  it('takes every method, with a body or without', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      assert.equal((await api.call({ method, url: '/echo/x' })).json().method, method);
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      assert.equal((await api.call({ method, url: '/echo' })).json().method, method);
    }
    assert.equal((await calls()).length, 11);
  });

  it('lists calls at GET /echo, newest first, without counting that as a call, and forgets all but 100', async () => {
    for (let i = 0; i < 102; i++) await api.post(`/echo/${i}`);
    await api.get('/echo/');
    const paths = (await calls()).map((call: { path: string }) => call.path);
    assert.equal(paths.length, 100);
    assert.equal(paths[0], '/echo/101');
    assert.equal(paths.at(-1), '/echo/2');
  });

  it('keeps the first 64 KiB of a body', async () => {
    const call = (await api.call({ method: 'POST', url: '/echo/x', payload: 'x'.repeat(65_537) })).json();
    assert.equal(call.body.length, 65_536);
    assert.equal(call.body_bytes, 65_537);
  });

  it('takes a path as long as a timer’s URL', async () => {
    assert.equal((await api.post(`/echo/${'x'.repeat(2_100)}`)).statusCode, 200);
  });

  it('fails on demand', async () => {
    assert.equal((await api.post('/echo/x?status=503')).statusCode, 503);
    assert.equal((await calls()).length, 1);
    for (const query of ['status=199', 'status=600', 'status=no', 'delay=soon', 'delay=30001ms']) {
      const problem = assertProblem(await api.post(`/echo/x?${query}`), 400, 'invalid_request');
      assert.equal(problem.errors[0]?.pointer, query.replace(/=.*/, ''));
    }
    assert.equal((await calls()).length, 1);
  });

  it('answers late on demand', async () => {
    let answered = false;
    const answer = api.post('/echo/x?delay=30s').then((it) => {
      answered = true;
      return it;
    });
    await settlePromises();
    await api.clock.advance(29_999);
    assert.equal(answered, false);
    await api.clock.advance(1);
    assert.equal((await answer).statusCode, 200);
  });

  it('does not keep the server from stopping', async () => {
    const other = await Harness.start();
    const answer = other.post('/echo/x?delay=30s');
    await settlePromises();
    await other.stop();
    assert.equal((await answer).statusCode, 200);
  });

  it('is not there unless it is wanted', async () => {
    const other = await Harness.start({ echo: false });
    assertProblem(await other.get('/echo'), 404, 'not_found');
    assertProblem(await other.post('/echo/x'), 404, 'not_found');
    await other.stop();
  });
});
