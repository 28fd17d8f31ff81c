import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { statusByCode } from '../../src/api/problem.ts';
import { DocumentedAnswers } from '../api/documented-answers.ts';
import { Harness } from '../api/harness.ts';
import type { Answer } from './answers.ts';
import { createdBy, faultOf, generalFault } from './judge.ts';
import type { FuzzRequest } from './requests.ts';

const id = '019ab1c2-6f00-7000-8000-3f1d2c4b5a69';
const created = { id, status: 'waiting', due_at: '2030-01-01T00:00:00.000Z', time_left: 1 };

function answer(status: number, body: object | string, headers: Record<string, string> = {}): Answer {
  const type = status < 400 ? 'application/json; charset=utf-8' : 'application/problem+json';
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers: new Map(Object.entries({ 'content-type': type, ...headers })), body: text };
}

function problem(code: keyof typeof statusByCode, headers?: Record<string, string>): Answer {
  const status = statusByCode[code];
  return answer(status, { type: `urn:punctual:error:${code}`, title: 'x', status, detail: 'y', code }, headers);
}

function request(method: string, url: string, body?: object): FuzzRequest {
  const bytes = body ? { body: Buffer.from(JSON.stringify(body)) } : {};
  return { operation: '', method, url, headers: [], chunked: false, isValid: true, ...bytes };
}

const create = request('POST', '/timers', { url: 'http://127.0.0.1:1/', seconds: 1 });
const location = { location: `/timers/${id}` };

describe('the judge of answers', () => {
  let documented: DocumentedAnswers;
  let api: Harness;
  before(async () => {
    api = await Harness.start();
    documented = new DocumentedAnswers((await api.get('/openapi.json')).json());
  });
  after(() => api.stop());

  const right: readonly (readonly [string, FuzzRequest, () => Answer])[] = [
    ['a timer that was created', create, () => answer(201, created, location)],
    ['a refusal', create, () => problem('invalid_request')],
    ['an honest 503', create, () => problem('store_unavailable', { 'retry-after': '1' })],
    [
      'a readiness probe that says why not',
      request('GET', '/readyz'),
      () => answer(503, { ready: false, reasons: ['x'] }, { 'content-type': 'application/json' }),
    ],
    ['405 with Allow', request('DELETE', '/timers'), () => problem('method_not_allowed', { allow: 'GET' })],
    ['404 beside the documented paths', request('GET', '/nothing'), () => problem('not_found')],
    [
      'a head that was too long',
      create,
      () => ({
        ...problem('invalid_request', { connection: 'close' }),
        status: 431,
        body: JSON.stringify({
          type: 'urn:punctual:error:invalid_request',
          title: 'x',
          status: 431,
          detail: 'y',
          code: 'invalid_request',
        }),
      }),
    ],
    ['an expectation that nobody meets', create, () => answer(417, '', { 'content-type': '' })],
  ];
  for (const [name, sent, got] of right) {
    it(`lets pass ${name}`, () => assert.equal(faultOf(documented, sent, got()), undefined));
  }

  const wrong: readonly (readonly [string, FuzzRequest, () => Answer, RegExp])[] = [
    ['a 500', create, () => problem('internal'), /it is a 500/],
    ['a 502', create, () => answer(502, ''), /it is a 502/],
    ['a 503 that does not say when to come again', create, () => problem('overloaded'), /without Retry-After/],
    [
      'a 503 without a problem',
      create,
      () => answer(503, 'busy', { 'retry-after': '1', 'content-type': 'text/plain' }),
      /503 as text\/plain/,
    ],
    [
      'a body that misses a field',
      create,
      () => answer(201, { id, status: 'waiting', time_left: 1 }, location),
      /must have required property 'due_at'/,
    ],
    [
      'a field of another type',
      create,
      () => answer(201, { ...created, time_left: '1' }, location),
      /time_left must be integer/,
    ],
    ['a status that is not documented', create, () => answer(202, created), /202 is not documented/],
    [
      'a refusal that is not documented',
      request('GET', '/healthz'),
      () => problem('too_late'),
      /409 is not documented/,
    ],
    [
      'another media type',
      create,
      () => answer(201, created, { ...location, 'content-type': 'text/html' }),
      /201 as text\/html is not documented/,
    ],
    ['another location', create, () => answer(201, created, { location: '/timers/x' }), /location/],
    ['what is no JSON', create, () => answer(201, '{', location), /no JSON/],
    ['a refusal that is no problem', create, () => answer(400, '{}'), /whose problem says undefined/],
    [
      'a problem of another status',
      create,
      () => ({ ...problem('not_found'), status: 400 }),
      /400 whose problem says 404/,
    ],
    [
      'a code of another status',
      create,
      () => answer(400, { ...JSON.parse(problem('invalid_request').body), code: 'not_found' }),
      /not_found is no code of a 400/,
    ],
    ['405 without Allow', request('DELETE', '/timers'), () => problem('method_not_allowed'), /without Allow/],
    [
      'success where nothing is documented',
      request('GET', '/nothing'),
      () => answer(200, {}),
      /knows no GET \/nothing/,
    ],
    [
      'a body that should have been refused',
      request('POST', '/timers', { url: 'x', secnods: 1 }),
      () => answer(201, created, location),
      /took a body .* additional properties/,
    ],
    [
      'a batch with a result too few',
      request('POST', '/timers/batch', { timers: [1, 2] }),
      () => answer(200, { results: [] }),
      /0 results for 2 timers/,
    ],
    [
      'a batch that stores what it should refuse',
      request('POST', '/timers/batch', { timers: [{ url: 7 }] }),
      () => answer(200, { results: [{ status: 201, timer: created }] }),
      /timers\/0\/url must be string/,
    ],
    [
      'an identity that does not hold',
      request('GET', '/stats'),
      () => answer(200, { identity_holds: false }),
      /identity/,
    ],
    [
      'an audit that is not equal',
      request('GET', '/stats?audit=true'),
      () => answer(200, { identity_holds: true, audit: { equal: false } }),
      /audit/,
    ],
  ];
  for (const [name, sent, got, fault] of wrong) {
    it(`finds ${name}`, () => assert.match(faultOf(documented, sent, got()) ?? 'nothing', fault));
  }

  it('demands of an answer to broken bytes what every answer must be', () => {
    assert.equal(generalFault(answer(200, created)), undefined);
    assert.match(generalFault(answer(500, '')) ?? '', /it is a 500/);
    assert.match(generalFault(answer(400, 'no', { 'content-type': 'text/plain' })) ?? '', /400 as text\/plain/);
  });

  it('counts what an answer says was stored', () => {
    const stored = { status: 201, timer: created };
    assert.equal(createdBy(answer(201, created, location)), 1);
    assert.equal(createdBy(answer(201, created, { ...location, 'idempotent-replayed': 'true' })), 0);
    assert.equal(createdBy(answer(200, { id, time_left: 1 })), 1, "the original's create");
    assert.equal(createdBy(answer(200, { id, status: 'waiting', time_left: 1 })), 0, 'a read');
    assert.equal(
      createdBy(answer(200, { results: [stored, { ...stored, idempotent_replayed: true }, { status: 400 }] })),
      1,
    );
    assert.equal(createdBy(problem('invalid_request')), 0);
  });
});
