import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { problemOf, problemResponses, statusByCode } from '../../src/api/problem.ts';
import { groupedInserts } from '../../src/store/grouped-inserts.ts';
import { type ErrorCode, errorCodes, PunctualError } from '../../src/timer/errors.ts';
import { settlePromises } from '../support/fake-clock.ts';
import { type FlakyStore, flakyStore } from '../support/flaky-store.ts';
import { assertProblem, Harness, receiver, strangeId, withInsert } from './harness.ts';

const codes = Object.keys(errorCodes) as ErrorCode[];
const json = { 'content-type': 'application/json' };

describe('a problem', () => {
  it('has an HTTP status for every code', () => {
    assert.deepEqual(Object.keys(statusByCode), codes);
    for (const code of codes) assert.ok(statusByCode[code] >= 400 && statusByCode[code] < 600, code);
  });

  it('tells a client nothing of a defect', () => {
    for (const code of codes.filter((one) => statusByCode[one] === 500)) {
      assert.equal(problemOf(new PunctualError(code, { message: '/secret/path' })).detail, errorCodes[code]);
    }
  });

  it('is documented with every code that shares its status', () => {
    const responses = problemResponses('too_late', 'changed_meanwhile') as Record<number, { description: string }>;
    assert.deepEqual(Object.keys(responses), ['409', '421', '500']);
    assert.match(responses[409]!.description, /`too_late`[\s\S]*`changed_meanwhile`/);
  });
});

describe('errors over HTTP', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await Harness.start();
  });
  afterEach(() => api.stop());

  const raw = (payload: string, headers: Record<string, string> = json) =>
    api.call({ method: 'POST', url: '/timers', payload, headers });

  it('malformed JSON is malformed_json, with the position where it is known', async () => {
    assert.match(assertProblem(await raw('{"a" 1}'), 400, 'malformed_json').detail, /line 1 column 6/);
    assert.match(assertProblem(await raw('{"a":}'), 400, 'malformed_json').detail, /} is unexpected/);
    assert.match(assertProblem(await raw('{"a":'), 400, 'malformed_json').detail, /ends too early/);
  });

  it('a body that could poison a prototype is malformed_json, at every depth', async () => {
    for (const body of [
      '{"__proto__": {"a": 1}}',
      '{"body": [{"__proto__": {}}]}',
      '{"constructor": {"prototype": {}}}',
    ]) {
      assert.match(assertProblem(await raw(body), 400, 'malformed_json').detail, /__proto__/);
    }
    assert.equal(({} as Record<string, unknown>).a, undefined);
  });

  it('a body that is no JSON object is invalid_request', async () => {
    for (const body of ['', 'null', '1', '"x"', '[]', 'true']) {
      const { errors } = assertProblem(await raw(body), 400, 'invalid_request');
      assert.deepEqual(errors, [{ pointer: '', detail: 'must be a JSON object' }]);
    }
    assertProblem(await api.post('/timers'), 400, 'invalid_request');
  });

  it('another content type is unsupported_media_type', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'nonsense']) {
      assertProblem(await raw('{}', { 'content-type': type }), 415, 'unsupported_media_type');
    }
    assert.equal((await raw('{}', { 'content-type': 'application/json; charset=utf-8' })).statusCode, 400);
  });

  it('an unknown page is not_found', async () => {
    for (const url of ['/nowhere', '/timers/x/y/z', `/timers/${strangeId}/explode`, '/docs/nowhere']) {
      assertProblem(await api.get(url), 404, 'not_found');
    }
  });

  it('a known page with a method that it does not know is method_not_allowed, and the answer lists those that it does', async () => {
    const wrong: ['GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH', string, string][] = [
      ['DELETE', '/timers', 'POST, GET, HEAD'],
      ['PUT', `/timers/${strangeId}`, 'GET, HEAD, PATCH'],
      ['GET', '/timers/batch', 'POST'],
      ['GET', `/timers/${strangeId}/cancel/`, 'POST'],
      ['POST', '/stats', 'GET, HEAD'],
      ['GET', '/timer/', 'POST'],
      ['DELETE', `/timer/${strangeId}`, 'GET, HEAD'],
    ];
    for (const [method, url, allow] of wrong) {
      const answer = await api.call({ method, url, headers: { 'content-type': 'text/weird' } });
      assertProblem(answer, 405, 'method_not_allowed');
      assert.equal(answer.headers.allow, allow);
    }
  });

  it('a path that is wrongly encoded is invalid_request', async () => {
    assertProblem(await api.get('/timers/%zz'), 400, 'invalid_request');
  });

  it('bytes that are no HTTP request get a problem too', async () => {
    const port = Number(new URL(await api.app.listen({ port: 0, host: '127.0.0.1' })).port);
    const send = async (bytes: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(bytes);
      return text(socket);
    };
    const answer = await send('nonsense\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).code, 'invalid_request');
    const long = await send(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`);
    assert.match(long, /^HTTP\/1\.1 431 /);
    assert.equal(JSON.parse(long.slice(long.indexOf('\r\n\r\n'))).status, 431);
  });

  it('a defect is internal: the log knows it, the client does not', async () => {
    const store = Object.assign(Object.create(api.store), {
      get: () => Promise.reject(new TypeError('s3cret is undefined')),
    });
    const other = await Harness.start({ store });
    const answer = await other.get(`/timers/${strangeId}?token=q`);
    assertProblem(answer, 500, 'internal');
    assert.doesNotMatch(answer.body, /s3cret|at /);
    const line = other.log.find(({ level }) => level === 50);
    assert.match(JSON.stringify(line?.err), /s3cret is undefined/);
    assert.equal(line?.route, '/timers/:id');
    await other.app.close();
  });

  it('what was refused is logged for those who debug, and for nobody else', async () => {
    await api.post('/timers', { url: 'nonsense', delay: '1s', x: 's3cret' });
    assert.deepEqual(
      api.log.map(({ level, code }) => ({ level, code })),
      [{ level: 20, code: 'invalid_request' }],
    );
    assert.doesNotMatch(JSON.stringify(api.log), /s3cret/);
  });
});

describe('while the store is away', () => {
  let api: Harness;
  let flaky: FlakyStore;
  let served: Harness;
  beforeEach(async () => {
    api = await Harness.start();
    flaky = flakyStore(api.store);
    served = await Harness.start({ store: flaky });
  });
  afterEach(async () => {
    await served.app.close();
    await api.stop();
  });

  it('every call answers 503 with Retry-After, and nothing is stored or changed', async () => {
    const id = await served.create();
    flaky.fail('before');
    const answers = [
      await served.post('/timers', { url: receiver, delay: '1s' }),
      await served.post('/timers/batch', { timers: [{ url: receiver, delay: '1s' }] }),
      await served.post('/timer/', { url: receiver }),
      await served.get(`/timers/${id}`),
      await served.get(`/timer/${id}`),
      await served.get('/timers'),
      await served.patch(`/timers/${id}`, { delay: '1s' }),
      await served.post(`/timers/${id}/cancel`),
      await served.post(`/timers/${id}/fire`),
      await served.post(`/timers/${id}/retry`),
      await served.post(`/timers/${id}/resolve`, { as: 'done' }),
      await served.get('/stats'),
    ];
    for (const answer of answers) {
      assertProblem(answer, 503, 'store_unavailable');
      assert.equal(answer.headers['retry-after'], '1');
    }
    flaky.fail('none');
    assert.equal((await served.get('/stats')).json().accepted, 1);
    assert.equal((await served.get(`/timers/${id}`)).json().status, 'waiting');
  });

  it('a commit of which nobody knows is never a 2xx; repeated with its key it meets its first copy', async () => {
    const send = () => served.post('/timers', { url: receiver, delay: '1s' }, { 'idempotency-key': 'k' });
    flaky.fail('after', 'insert');
    const answer = await send();
    assertProblem(answer, 503, 'commit_unknown');
    assert.equal(answer.headers['retry-after'], '1');
    flaky.fail('none', 'insert');
    const again = await send();
    assert.equal(again.statusCode, 201);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal((await served.get('/stats')).json().accepted, 1);
  });

  it('a change of which nobody knows is never a 2xx', async () => {
    const id = await served.create();
    flaky.fail('after', 'change');
    assertProblem(await served.post(`/timers/${id}/cancel`), 503, 'commit_unknown');
  });

  it('the log says so once a second, and how often it was not said', async () => {
    flaky.fail('before');
    for (let i = 0; i < 5; i++) await served.get('/stats');
    const warnings = () => served.log.filter(({ level }) => level === 40);
    assert.equal(warnings().length, 1);
    assert.equal(warnings()[0]?.code, 'store_unavailable');
    await served.clock.advance(1_000);
    await served.get('/stats');
    assert.equal(warnings().length, 2);
    assert.equal(warnings()[1]?.others_since, 4);
  });
});

describe('when creates come faster than they can be stored', () => {
  it('those beyond the queue, and those that wait too long in it, get 503 and are not stored', async () => {
    const api = await Harness.start();
    let release = () => {};
    const commit = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = withInsert(api.store, async (timers) => {
      await commit;
      return api.store.insert(timers);
    });
    const limits = { clock: api.clock, batchMax: 10, queuedMax: 2, queuedBytesMax: 1_000_000, waitMsMax: 2_000 };
    const busy = await Harness.start({ store: groupedInserts(slow, limits).store });
    const send = () => busy.post('/timers', { url: receiver, delay: '1h' });
    const storing = send();
    await settlePromises();
    const waiting = [send(), send()];
    await settlePromises();
    const beyond = await send();
    assertProblem(beyond, 503, 'overloaded');
    assert.equal(beyond.headers['retry-after'], '1');
    await api.clock.advance(2_000);
    for (const answer of await Promise.all(waiting)) assertProblem(answer, 503, 'overloaded');
    release();
    assert.equal((await storing).statusCode, 201);
    assert.equal((await busy.get('/stats')).json().accepted, 1);
    await busy.app.close();
    await api.stop();
  });
});

describe('a client that goes away while its timer is being stored', () => {
  it('leaves the timer stored, the server at work, and no error in the log', async () => {
    const api = await Harness.start();
    let release = () => {};
    const commit = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const stored = Promise.withResolvers<void>();
    const store = withInsert(api.store, async (timers) => {
      arrived();
      await commit;
      const results = await api.store.insert(timers);
      stored.resolve();
      return results;
    });
    const slow = await Harness.start({ store });
    const { port } = new URL(await slow.app.listen({ port: 0, host: '127.0.0.1' }));
    const body = JSON.stringify({ url: receiver, delay: '1h' });
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /timers HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await arrival;
    socket.destroy();
    await settlePromises();
    release();
    await stored.promise;
    await settlePromises();
    assert.equal((await slow.get('/stats')).json().accepted, 1);
    assert.deepEqual(
      slow.log.filter(({ level }) => level > 30),
      [],
    );
    await slow.app.close();
    await api.stop();
  });
});

describe('large bodies under way', () => {
  const mebibyte = 1024 * 1024;
  let harness: Harness;
  let port: number;
  let sockets: Socket[];
  beforeEach(async () => {
    sockets = [];
    harness = await Harness.start({
      limits: { bodyBytes: 256 * 1024, batchBytes: 40 * mebibyte, batchMax: 1_000, connections: 1_000 },
    });
    port = Number(new URL(await harness.app.listen({ host: '127.0.0.1', port: 0 })).port);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await harness.stop();
  });

  /** Sends the head of a batch, and then a body of so many bytes that does not end. */
  async function begin(length: 'chunked' | number, sentBytes = 0): Promise<Socket> {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    const head = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
    socket.write(`POST /timers/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${head}\r\n\r\n`);
    const body = ' '.repeat(sentBytes);
    const part = length === 'chunked' && sentBytes > 0 ? `${sentBytes.toString(16)}\r\n${body}\r\n` : body;
    await new Promise((resolve) => socket.write(part, resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    return socket;
  }

  async function answerTo(socket: Socket): Promise<string> {
    const answer = once(socket, 'data').then(([data]) => String(data));
    return Promise.race([answer, new Promise<string>((resolve) => setTimeout(() => resolve('reading'), 100))]);
  }

  for (const length of ['chunked', 40 * mebibyte] as const) {
    it(`take no memory by their ${length === 'chunked' ? 'being chunked' : 'declared length'} alone`, async () => {
      for (let idle = 0; idle < 8; idle++) await begin(length, 1);
      assert.equal(await answerTo(await begin(length, 1)), 'reading');
    });

    it(`are refused once what arrived fills the memory for them (${length}), until some go away`, async () => {
      const first = await begin(length, 36 * mebibyte);
      // Exactly what fits, and then one byte more; a declared length is refused before anything comes.
      const second = await begin(length, length === 'chunked' ? 28 * mebibyte : 0);
      if (length === 'chunked') second.write('1\r\n \r\n');
      const answer = await answerTo(second);
      assert.match(answer, /^HTTP\/1.1 503 .*"code":"overloaded"/s);
      assert.match(answer, /retry-after: 1/i);
      assert.equal((await harness.post('/timers', { url: receiver, seconds: 1 })).statusCode, 201, 'small ones go on');
      first.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(await answerTo(await begin(length, 36 * mebibyte)), 'reading');
    });
  }
});

describe('the host name of a request', () => {
  const ask = async (host: string, hosts: readonly string[] | 'any' = []) => {
    const api = await Harness.start({ hosts });
    try {
      return await api.call({ method: 'GET', url: '/stats', headers: { host } });
    } finally {
      await api.stop();
    }
  };

  for (const host of ['localhost', 'LocalHost:8080', '127.0.0.1:1', '127.1.2.3', '[::1]', '[::1]:8080']) {
    it(`may be ${host}`, async () => assert.equal((await ask(host)).statusCode, 200));
  }

  for (const host of [
    'evil.example',
    '127.evil.example',
    '127.0.0.1.evil.example:8080',
    'localhost.evil',
    '10.0.0.1',
  ]) {
    it(`may not be ${JSON.stringify(host)}, so that no web page can reach the service by a name of its own`, async () => {
      assertProblem(await ask(host), 421, 'misdirected_host');
    });
  }

  it('may be one that is set, whatever its case and port', async () => {
    assert.equal((await ask('timers.Example:8443', ['Timers.example'])).statusCode, 200);
    assert.equal((await ask('localhost', ['timers.example'])).statusCode, 200);
    assertProblem(await ask('other.example', ['timers.example']), 421, 'misdirected_host');
  });

  it('may be any where it does not matter', async () => {
    assert.equal((await ask('timers.example', 'any')).statusCode, 200);
  });

  it('is checked on every page, those that are not there too', async () => {
    const api = await Harness.start();
    for (const url of ['/', '/docs', '/docs/static/index.html', '/openapi.json', '/echo/x', '/nowhere']) {
      const answer = await api.call({ method: 'GET', url, headers: { host: 'evil.example' } });
      assertProblem(answer, 421, 'misdirected_host');
    }
    await api.stop();
  });

  it('may be left out in HTTP/1.0', async () => {
    const api = await Harness.start();
    const port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.0\r\n\r\n');
    assert.match(await text(socket), /^HTTP\/1.1 200 /);
    await api.stop();
  });
});

it('connections beyond the limit are closed as they come', async (t) => {
  const api = await Harness.start({
    limits: { bodyBytes: 1_024, batchBytes: 1_024, batchMax: 1, connections: 1 },
  });
  const port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
  const first = connect(port, '127.0.0.1');
  t.after(async () => {
    first.destroy();
    await api.stop();
  });
  await once(first, 'connect');
  const second = connect(port, '127.0.0.1');
  await once(second, 'connect');
  second.write('GET /healthz HTTP/1.0\r\n\r\n');
  assert.equal(await text(second).catch(() => ''), '');
  first.write('GET /healthz HTTP/1.0\r\n\r\n');
  assert.match(await text(first), /^HTTP\/1.1 200 /);
});

describe('a body', () => {
  const refused = async (headers: Record<string, string>, payload: Buffer, status: number, code: string) => {
    const harness = await Harness.start();
    assertProblem(await harness.app.inject({ method: 'POST', url: '/timers', headers, payload }), status, code);
    await harness.stop();
  };
  const good = Buffer.from(JSON.stringify({ url: receiver, seconds: 1, body: 'grüß' }));

  it('that says that it is compressed, or in another charset than UTF-8, is refused', async () => {
    await refused({ ...json, 'content-encoding': 'gzip' }, good, 415, 'unsupported_media_type');
    await refused({ 'content-type': 'application/json; charset=utf-16' }, good, 415, 'unsupported_media_type');
  });

  it('whose bytes are no UTF-8 is refused, instead of being changed in silence', async () => {
    await refused(json, Buffer.from(good.toString(), 'latin1'), 400, 'malformed_json');
  });

  it('that says that it is UTF-8 is accepted', async () => {
    const harness = await Harness.start();
    const headers = { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'identity' };
    assert.equal(
      (await harness.app.inject({ method: 'POST', url: '/timers', headers, payload: good })).statusCode,
      201,
    );
    await harness.stop();
  });
});
