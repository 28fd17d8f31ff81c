import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inexactIntegers } from '../../src/api/inexact-integers.ts';
import { assertProblem, Harness, receiver } from './harness.ts';

const pointersOf = (text: string) => inexactIntegers(text).map(({ pointer }) => pointer);

describe('integers that JSON numbers cannot hold', () => {
  it('are found wherever they are in what a timer sends', () => {
    assert.deepEqual(pointersOf('{"body": 9007199254740993}'), ['/body']);
    assert.deepEqual(
      pointersOf('{"body": {"id": -12345678901234567890, "deep": [1, {"a/b~": 9007199254740993}], "fine": 7}}'),
      ['/body/id', '/body/deep/1/a~1b~0'],
    );
    assert.deepEqual(pointersOf('{"timers": [{"body": 1}, {"body": {"id": 9007199254740993}}]}'), [
      '/timers/1/body/id',
    ]);
  });

  it('are not those that arrive as they are, nor digits in text, nor fractions', () => {
    for (const value of [
      '9007199254740991',
      '9007199254740992',
      '-9007199254740991',
      '"12345678901234567890"',
      '0.12345678901234567',
      '1e300',
    ]) {
      assert.deepEqual(pointersOf(`{"body": ${value}}`), [], value);
    }
    assert.deepEqual(pointersOf('{"seconds": 12345678901234567890}'), []);
  });

  it('are looked for without harm in what is nested very deeply', () => {
    const depth = 50_000;
    assert.deepEqual(pointersOf(`{"body": ${'['.repeat(depth)}9007199254740993${']'.repeat(depth)}}`), []);
  });

  it('are named up to a limit', () => {
    const text = JSON.stringify({ body: Array.from({ length: 1_000 }, () => 'n') }).replaceAll(
      '"n"',
      '9007199254740993',
    );
    assert.equal(pointersOf(text).length, 50);
  });
});

describe('a timer whose body has such an integer', () => {
  let api: Harness;
  before(async () => {
    api = await Harness.start();
  });
  after(() => api.stop());

  const send = (payload: string) =>
    api.call({ method: 'POST', url: '/timers', headers: { 'content-type': 'application/json' }, payload });

  it('is refused by the name of the field, with the way out', async () => {
    const problem = assertProblem(
      await send(`{"url": "${receiver}", "seconds": 1, "body": {"id": 9007199254740993}}`),
      400,
      'invalid_request',
    );
    assert.equal(problem.errors[0]?.pointer, '/body/id');
    assert.match(problem.errors[0]?.detail ?? '', /send the whole body as text/);
  });

  it('is refused behind a byte order mark too', async () => {
    const answer = await send(`\ufeff{"url": "${receiver}", "seconds": 1, "body": {"id": 9007199254740993}}`);
    assertProblem(answer, 400, 'invalid_request');
  });

  it('is stored with the body as text', async () => {
    const body = '{"id": 9007199254740993}';
    const answer = await send(
      JSON.stringify({ url: receiver, seconds: 1, body, headers: { 'content-type': 'application/json' } }),
    );
    assert.equal(answer.statusCode, 201, answer.body);
    assert.equal((await api.get(`/timers/${answer.json().id}`)).json().body, body);
  });
});
