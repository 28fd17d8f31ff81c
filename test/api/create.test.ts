import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseTimerId } from '../../src/timer/id.ts';
import { assertProblem, Harness, receiver } from './harness.ts';

const json = { 'content-type': 'application/json' };

describe('POST /timers', () => {
  let api: Harness;
  before(async () => {
    api = await Harness.start();
  });
  after(() => api.stop());

  const stored = async (id: string) => (await api.store.get(parseTimerId(id)!))!;
  const refused = async (change: object, pointer: string, detail: RegExp) => {
    const before = (await api.store.counts(Math.floor(api.clock.now()))).accepted;
    const problem = assertProblem(await api.post('/timers', { url: receiver, ...change }), 400, 'invalid_request');
    const fault = problem.errors.find((error) => error.pointer === pointer);
    assert.ok(fault, `${pointer} is not named: ${JSON.stringify(problem.errors)}`);
    assert.match(fault.detail, detail);
    assert.equal((await api.store.counts(Math.floor(api.clock.now()))).accepted, before, 'nothing is stored');
  };

  it('stores a timer, says where it is and nothing more than a repetition could say', async () => {
    const answer = await api.post('/timers', { url: receiver, hours: 1, minutes: 30 });
    assert.equal(answer.statusCode, 201);
    const timer = answer.json();
    assert.deepEqual(timer, { id: timer.id, status: 'waiting', due_at: '2026-01-01T01:30:00.000Z', time_left: 5_400 });
    assert.equal(answer.headers.location, `/timers/${timer.id}`);
    assert.equal((await stored(timer.id)).spec.url, receiver);
    assert.equal(api.woken.at(-1), Date.UTC(2026, 0, 1, 1, 30), 'the controller is told');
    assert.equal(api.created, 1, 'it is counted');
  });

  it('counts from the next whole millisecond: never early, and never a second too much', async () => {
    await api.clock.advance(0.4);
    const timer = (await api.post('/timers', { url: receiver, seconds: 3 })).json();
    assert.equal(timer.due_at, '2026-01-01T00:00:03.001Z');
    assert.equal(timer.time_left, 3);
    await api.clock.advance(0.6);
  });

  it('takes every field that the design names', async () => {
    const id = await api.create({
      local: '2026-07-01T12:00',
      timezone: 'Europe/Berlin',
      method: 'PUT',
      headers: { 'X-Order': '7' },
      body: { order: 7 },
      delivery: 'at-most-once',
      retry: { max_attempts: 3, initial: '2s', max: '1m', factor: 2 },
      timeout: '5s',
      tags: ['orders'],
      append_id: false,
    });
    const { spec, dueAt } = await stored(id);
    assert.equal(dueAt, Date.UTC(2026, 6, 1, 10));
    assert.deepEqual(spec, {
      url: receiver,
      method: 'PUT',
      headers: { 'x-order': '7', 'content-type': 'application/json' },
      body: '{"order":7}',
      delivery: 'at-most-once',
      retry: { maxAttempts: 3, initialMs: 2_000, maxMs: 60_000, factor: 2 },
      timeoutMs: 5_000,
      tags: ['orders'],
      appendId: false,
    });
  });

  it('works with a trailing slash too', async () => {
    assert.equal((await api.post('/timers/', { url: receiver, delay: '1s' })).statusCode, 201);
  });

  it('names every field that is wrong, and the rule', async () => {
    const answer = await api.post('/timers', { hours: '1', minutes: -1, seconds: 1.5, 'a/b~': 0, headers: { x: 1 } });
    assert.deepEqual(assertProblem(answer, 400, 'invalid_request').errors, [
      { pointer: '/url', detail: 'is missing' },
      { pointer: '/a~1b~0', detail: 'is not known here' },
      { pointer: '/hours', detail: 'must be an integer' },
      { pointer: '/minutes', detail: 'must be at least 0' },
      { pointer: '/seconds', detail: 'must be an integer' },
      { pointer: '/headers/x', detail: 'must be a string' },
    ]);
  });

  it('does not coerce, and takes null for no field but the body', async () => {
    await refused({ delay: '1s', append_id: 'true' }, '/append_id', /a boolean/);
    await refused({ delay: '1s', tags: 'x' }, '/tags', /an array/);
    await refused({ delay: '1s', method: 'post' }, '/method', /one of POST/);
    for (const field of [
      'hours',
      'delay',
      'at',
      'method',
      'headers',
      'delivery',
      'retry',
      'timeout',
      'tags',
      'append_id',
    ]) {
      await refused({ [field]: null }, `/${field}`, /^must be /);
    }
    const id = await api.create({ delay: '1s', body: null });
    assert.equal((await stored(id)).spec.body, null);
  });

  it('refuses unknown fields at every level', async () => {
    await refused({ delay: '1s', retry: { attempts: 3 } }, '/retry/attempts', /not known/);
    await refused({ delay: '1s', idempotency_key: 'k' }, '/idempotency_key', /not known/);
  });

  it('refuses two ways of saying when, none, and a time in the past', async () => {
    await refused({ delay: '1s', at: '2027-01-01T00:00:00Z' }, '/at', /second time/);
    await refused({}, '', /say when/);
    await refused({ at: '2025-12-31T23:58:59Z' }, '/at', /past/);
    assert.equal(
      (await stored(await api.create({ at: '2025-12-31T23:59:30Z' }))).dueAt,
      Date.UTC(2025, 11, 31, 23, 59, 30),
    );
  });

  it('refuses URLs that it cannot or must not call', async () => {
    for (const url of ['', 'example.com', 'ftp://example.com/', 'http://u:p@example.com/', 7]) {
      await refused({ url, delay: '1s' }, '/url', /^must /);
    }
  });

  it('keeps each limit at its edge', async () => {
    const url = (chars: number) => `http://a.example/${'x'.repeat(chars - 'http://a.example/'.length)}`;
    const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']));
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    const edges: [string, object, object, string][] = [
      ['URL', { url: url(2_048) }, { url: url(2_049) }, '/url'],
      ['number of headers', { headers: headers(50) }, { headers: headers(51) }, '/headers'],
      ['size of headers', { headers: { x: 'v'.repeat(8_191) } }, { headers: { x: 'v'.repeat(8_192) } }, '/headers'],
      ['number of tags', { tags: headersNames(20) }, { tags: headersNames(21) }, '/tags'],
      ['length of a tag', { tags: ['t'.repeat(64)] }, { tags: ['t'.repeat(65)] }, '/tags/0'],
      ['attempts', { retry: { max_attempts: 50 } }, { retry: { max_attempts: 51 } }, '/retry/max_attempts'],
      ['fewest attempts', { retry: { max_attempts: 1 } }, { retry: { max_attempts: 0 } }, '/retry/max_attempts'],
      ['factor', { retry: { factor: 100 } }, { retry: { factor: 100.5 } }, '/retry/factor'],
      ['pause', { retry: { max: '24h' } }, { retry: { max: '86401s' } }, '/retry/max'],
      ['timeout', { timeout: '60s' }, { timeout: '60001ms' }, '/timeout'],
      ['nesting of the body', { body: nested(100) }, { body: nested(101) }, '/body'],
      ['delay', { delay: 'P3660D' }, { delay: 'P3660DT1S' }, '/delay'],
    ];
    for (const [name, good, bad, pointer] of edges) {
      const when = 'delay' in good ? {} : { delay: '1s' };
      assert.equal((await api.post('/timers', { url: receiver, ...when, ...good })).statusCode, 201, name);
      await refused({ ...when, ...bad }, pointer, /./);
    }
  });

  it('takes a body of 256 KiB, and says the limit when it is larger', async () => {
    const payload = (bytes: number) => {
      const frame = `{"url":"${receiver}","delay":"1s","body":""}`;
      return frame.replace('""}', `"${'x'.repeat(bytes - frame.length)}"}`);
    };
    const send = (bytes: number) =>
      api.call({ method: 'POST', url: '/timers', payload: payload(bytes), headers: json });
    assert.equal((await send(256 * 1024)).statusCode, 201);
    const problem = assertProblem(await send(256 * 1024 + 1), 413, 'body_too_large');
    assert.match(problem.detail, /262144 bytes/);
  });

  it('says only the first fault of a body that is huge', async () => {
    const tags = Array.from({ length: 50_000 }, () => 1);
    const problem = assertProblem(
      await api.post('/timers', { url: receiver, tags, x: 1, y: 2 }),
      400,
      'invalid_request',
    );
    assert.equal(problem.errors.length, 1);
  });

  it('names at most 50 faults', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, 1]));
    const { errors } = assertProblem(await api.post('/timers', unknown), 400, 'invalid_request');
    assert.equal(errors.length, 51);
    assert.equal(errors.at(-1)?.detail, 'has 11 more faults');
  });
});

function headersNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `t${i}`);
}

describe('an idempotency key', () => {
  let api: Harness;
  before(async () => {
    api = await Harness.start();
  });
  after(() => api.stop());

  const order = { url: receiver, delay: '10s', headers: { a: '1', b: '2' } };
  const send = (key: string, request: object = order) => api.post('/timers', request, { 'idempotency-key': key });

  it('gives a repetition the first answer again, byte for byte, however late it comes', async () => {
    const first = await send('one');
    assert.equal(first.headers['idempotent-replayed'], undefined);
    await api.clock.advance(5_500.25);
    const second = await send('one', { headers: { b: '2', a: '1' }, delay: '10s', url: receiver });
    assert.equal(second.statusCode, 201);
    assert.equal(second.body, first.body);
    assert.equal(second.headers.location, first.headers.location);
    assert.equal(second.headers['idempotent-replayed'], 'true');
    assert.equal((await api.store.counts(Math.floor(api.clock.now()))).accepted, 1);
    assert.equal(api.created, 1);
    assert.deepEqual(
      api.woken,
      Array(2).fill(Date.parse(first.json().due_at)),
      'the controller is told again: the first time may be lost',
    );
    await api.clock.advance(5_000);
    await send('one');
    assert.equal(api.woken.length, 2, 'it is overdue: the next look finds it');
  });

  it('refuses another request under the same key', async () => {
    await send('two');
    assertProblem(await send('two', { ...order, delay: '11s' }), 409, 'idempotency_conflict');
  });

  it('decides the bucket, so that a repetition meets its first copy', async () => {
    const bytes = new Set<string>();
    for (const delay of ['1s', '2s']) {
      const other = await Harness.start();
      const answer = await other.post('/timers', { url: receiver, delay }, { 'idempotency-key': 'three' });
      bytes.add(answer.json().id.slice(-2));
      await other.stop();
    }
    assert.equal(bytes.size, 1);
    // The first byte of SHA-256('three').
    assert.deepEqual([...bytes], ['8b']);
  });

  it('has 1 to 255 visible ASCII characters', async () => {
    for (const key of ['k', 'k'.repeat(255), '!~']) assert.equal((await send(key)).statusCode, 201, key);
    for (const key of ['', 'k'.repeat(256), 'a b', 'é']) {
      const problem = assertProblem(await send(key), 400, 'invalid_request');
      assert.deepEqual(problem.errors, [
        { pointer: 'idempotency-key', detail: 'must be 1 to 255 visible ASCII characters' },
      ]);
    }
  });
});
