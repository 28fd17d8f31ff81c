import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Fault } from '../../src/timer/errors.ts';
import { newTimer, parseDuration, parseSpec, type RequestRules, type SpecRequest } from '../../src/timer/request.ts';
import { defaultRetryPolicy } from '../../src/timer/retry.ts';
import type { Spec } from '../../src/timer/timer.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { aSpec } from '../support/timers.ts';

const rules: RequestRules = {
  delayMsMax: 3_653 * 86_400_000,
  pastMsMax: 60_000,
  urlCharsMax: 2_048,
  headersMax: 50,
  headerBytesMax: 8_192,
  bodyBytesMax: 1_000,
  tagsMax: 20,
  tagCharsMax: 64,
  attemptsMax: 100,
  timeoutMsDefault: 15_000,
  timeoutMsMax: 300_000,
};
const url = 'https://example.com/hook';

function accepted(request: Partial<SpecRequest>, base?: Spec): Spec {
  const parsed = parseSpec(base ? request : { url, ...request }, rules, base);
  assert.ok('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}

function faultsOf(request: Partial<SpecRequest>, base?: Spec): readonly Fault[] {
  const parsed = parseSpec(base ? request : { url, ...request }, rules, base);
  assert.ok('faults' in parsed, JSON.stringify(parsed));
  return parsed.faults;
}

function refused(request: Partial<SpecRequest>, pointer: string, rule: RegExp): void {
  const [fault, ...others] = faultsOf(request);
  assert.deepEqual(others, []);
  assert.equal(fault?.pointer, pointer);
  assert.match(fault.detail, rule);
}

/** JSON as a client sends it: here `__proto__` is a key like any other. */
const fromJson = (text: string) => JSON.parse(text) as Record<string, string>;

describe('a create request', () => {
  const context = {
    nowMs: Date.UTC(2026, 0, 1),
    random: seededRandom(1),
    rules,
    place: { shard: 3 },
    tenant: 'default',
    idempotency: null,
  };

  it('becomes a timer with everything that was not said preset', () => {
    const parsed = newTimer({ url, seconds: 5 }, context);
    assert.ok('value' in parsed);
    const { id, ...timer } = parsed.value;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(timer, {
      tenant: 'default',
      spec: {
        url,
        method: 'POST',
        headers: {},
        body: null,
        appendId: true,
        delivery: 'at-least-once',
        retry: defaultRetryPolicy,
        timeoutMs: 15_000,
        tags: [],
      },
      dueAt: context.nowMs + 5_000,
      idempotency: null,
    });
  });

  it('is told everything that is wrong with it at once', () => {
    const parsed = newTimer({ url: 'x', seconds: -1, tags: [''], headers: { host: 'h' }, timeout: 'x' }, context);
    assert.ok('faults' in parsed);
    const pointers = parsed.faults.map(({ pointer }) => pointer).toSorted();
    assert.deepEqual(pointers, ['/headers/host', '/seconds', '/tags/0', '/timeout', '/url']);
  });

  it('keeps what was said', () => {
    const spec = accepted({
      method: 'PUT',
      headers: { 'X-A': 'b' },
      body: 'hello',
      delivery: 'at-most-once',
      append_id: false,
      timeout: 'PT2M',
      retry: { max_attempts: 3, initial: '2s', max: '1m', factor: 1.5 },
      tags: ['a', 'b'],
    });
    assert.deepEqual(spec, {
      url,
      method: 'PUT',
      headers: { 'x-a': 'b', 'content-type': 'text/plain; charset=utf-8' },
      body: 'hello',
      appendId: false,
      delivery: 'at-most-once',
      retry: { maxAttempts: 3, initialMs: 2_000, maxMs: 60_000, factor: 1.5 },
      timeoutMs: 120_000,
      tags: ['a', 'b'],
    });
  });
});

describe('a URL', () => {
  for (const [text, kept] of [
    ['HTTPS://EXAMPLE.com:443/Hook', 'https://example.com/Hook'],
    ['http://example.com', 'http://example.com/'],
    ['http://example.com?a=1', 'http://example.com/?a=1'],
    ['http://example.com:8080/a/../b', 'http://example.com:8080/b'],
    ['http://exämple.com/ü', 'http://xn--exmple-cua.com/%C3%BC'],
    ['http://example.com/a b?c d', 'http://example.com/a%20b?c%20d'],
    ['http://[::1]:80/', 'http://[::1]/'],
    ['http://[2001:DB8::1]:8080/', 'http://[2001:db8::1]:8080/'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
    ['http://example.com//a//', 'http://example.com//a//'],
    ['http://example.com/?a=\\', 'http://example.com/?a=\\'],
    ['http://example.com/a%2Fb%00', 'http://example.com/a%2Fb%00'],
  ] as const) {
    it(`is kept as the standard writes it: ${text}`, () => assert.equal(accepted({ url: text }).url, kept));
  }

  it('loses its fragment, which is never sent', () => {
    assert.equal(accepted({ url: 'http://h/p?q#frag' }).url, 'http://h/p?q');
    assert.equal(accepted({ url: 'http://h/p#' }).url, 'http://h/p');
  });

  for (const text of [
    '',
    'example.com/hook',
    '//example.com/hook',
    '/hook',
    'ftp://example.com/',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'http:example.com',
    'http:/example.com',
    'http:\\\\example.com\\hook',
    'http:///example.com/hook',
    ' http://example.com/',
  ]) {
    it(`must begin with http:// or https://: ${JSON.stringify(text)}`, () => {
      refused({ url: text }, '/url', /absolute URL that begins with http:\/\/ or https:\/\//);
    });
  }

  for (const text of ['http://exa\nmple.com/', 'http://h/\t', 'http://h/\0', 'http://h/\x7f', 'http://h/\ud800']) {
    it(`must not contain control characters: ${JSON.stringify(text)}`, () => {
      refused({ url: text }, '/url', /control characters/);
    });
  }

  for (const text of ['http://h\\@evil.com/', 'http://h/a\\b']) {
    it(`must not contain a backslash before the query: ${text}`, () => refused({ url: text }, '/url', /backslash/));
  }

  for (const text of [
    'http://a b/',
    'http://h:65536/',
    'http://[::1/',
    'http://[fe80::1%25eth0]/',
    'http://%00/',
    'http://?a',
  ]) {
    it(`must have a host and port that can be read: ${text}`, () => {
      refused({ url: text }, '/url', /host or port cannot be read/);
    });
  }

  for (const text of ['http://user:secret@h/', 'http://user@h/', 'http://:secret@h/', 'http://example.com%40@h/']) {
    it(`must not contain credentials, and the answer does not repeat them: ${text}`, () => {
      refused({ url: text }, '/url', /^must not contain a user name or password: put credentials into headers$/);
    });
  }

  it('may be as long as is allowed, before and after percent-encoding', () => {
    const ofLength = (length: number) => `http://h/${'a'.repeat(length - 9)}`;
    assert.equal(accepted({ url: ofLength(2_048) }).url.length, 2_048);
    refused({ url: ofLength(2_049) }, '/url', /longer than 2048 characters$/);
    refused({ url: `http://h/${'ü'.repeat(400)}` }, '/url', /longer than 2048 characters when percent-encoded/);
    assert.equal(accepted({ url: `http://h/#${'ü'.repeat(400)}` }).url, 'http://h/');
  });

  it('that was accepted is accepted again as it was kept', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const kept = accepted({ url: text }).url;
        assert.equal(accepted({ url: kept }).url, kept);
      }),
    );
  });
});

describe('headers', () => {
  it('have their names in lower case', () => {
    assert.deepEqual(accepted({ headers: { Authorization: 'Bearer x', 'X-B': '' } }).headers, {
      authorization: 'Bearer x',
      'x-b': '',
    });
  });

  it('may be named like the parts of an object', () => {
    const headers = { constructor: 'a', toString: 'b', hasOwnProperty: 'c' } as unknown as Record<string, string>;
    assert.deepEqual(Object.entries(accepted({ headers }).headers), [
      ['constructor', 'a'],
      ['tostring', 'b'],
      ['hasownproperty', 'c'],
    ]);
  });

  it('cannot be named __proto__', () => {
    refused({ headers: fromJson('{"__proto__":"a"}') }, '/headers/__proto__', /no valid header name/);
    refused({ headers: fromJson('{"__PROTO__":"a"}') }, '/headers/__PROTO__', /no valid header name/);
  });

  for (const name of ['', ' ', 'a b', 'a:', ':authority', 'a\r\nb', 'ü', 'a"', 'a(b)', 'x@y']) {
    it(`must have a valid name: ${JSON.stringify(name)}`, () => {
      refused({ headers: { [name]: 'v' } }, `/headers/${name}`, /no valid header name: it may have letters, digits/);
    });
  }

  it('with slash and tilde in the name are pointed at by RFC 6901', () => {
    refused({ headers: { 'a/b~c': 'v' } }, '/headers/a~1b~0c', /no valid header name/);
  });

  for (const name of [
    'Host',
    'connection',
    'Content-Length',
    'Transfer-Encoding',
    'upgrade',
    'TE',
    'Expect',
    'trailer',
  ]) {
    it(`that belong to the connection are refused: ${name}`, () => {
      refused({ headers: { [name]: 'v' } }, `/headers/${name}`, /belongs to the connection/);
    });
  }

  for (const name of ['Webhook-Id', 'webhook-anything', 'Punctual-Attempt', 'Accept-Encoding']) {
    it(`that Punctual sets are refused: ${name}`, () => {
      refused({ headers: { [name]: 'v' } }, `/headers/${name}`, /set by Punctual itself/);
    });
  }

  it('that only look like those are kept', () => {
    assert.deepEqual(Object.keys(accepted({ headers: { webhook: 'v', 'accept-encoding-x': 'v' } }).headers), [
      'webhook',
      'accept-encoding-x',
    ]);
  });

  it('cannot be there twice in different case', () => {
    refused({ headers: { 'X-A': '1', 'x-a': '2' } }, '/headers/x-a', /is there twice/);
  });

  for (const value of ['a\r\nb: c', 'a\n', '\0', '\x7f', '漢', '😀']) {
    it(`must have a value that can be sent: ${JSON.stringify(value)}`, () => {
      refused(
        { headers: { a: value } },
        '/headers/a',
        /no line breaks or other control characters, none beyond Latin-1/,
      );
    });
  }

  it('may have tabs, spaces and Latin-1 in their values', () => {
    assert.equal(accepted({ headers: { a: ' é\tÿ ~' } }).headers.a, ' é\tÿ ~');
  });

  it('may be as many and as large as is allowed', () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, '']));
    assert.equal(Object.keys(accepted({ headers: many(50) }).headers).length, 50);
    refused({ headers: many(51) }, '/headers', /more than 50 headers/);
    accepted({ headers: { ab: 'v'.repeat(8_190) } });
    refused({ headers: { ab: 'v'.repeat(8_191) } }, '/headers', /larger than 8192 bytes, names and values together/);
  });
});

describe('a body', () => {
  const json = 'application/json';
  const text = 'text/plain; charset=utf-8';
  const typeOf = (spec: Spec) => spec.headers['content-type'];

  for (const [body, sent, type] of [
    ['', '', text],
    ['{"a":1}', '{"a":1}', text],
    [{ a: [1, null] }, '{"a":[1,null]}', json],
    [[], '[]', json],
    [0, '0', json],
    [false, 'false', json],
  ] as const) {
    it(`is sent as it is when it is text, else as JSON: ${JSON.stringify(body)}`, () => {
      const spec = accepted({ body });
      assert.equal(spec.body, sent);
      assert.equal(typeOf(spec), type);
    });
  }

  it('keeps __proto__ as data', () => {
    assert.equal(accepted({ body: JSON.parse('{"__proto__":{"a":1}}') }).body, '{"__proto__":{"a":1}}');
  });

  it('of null is none', () => {
    const spec = accepted({ body: null });
    assert.equal(spec.body, null);
    assert.equal(typeOf(spec), undefined);
  });

  it('has the content type that the client gave, in whatever case', () => {
    assert.equal(typeOf(accepted({ body: '<a/>', headers: { 'Content-Type': 'text/xml' } })), 'text/xml');
    assert.equal(typeOf(accepted({ body: '{}', headers: { 'content-type': json } })), json);
  });

  it('cannot go with GET', () => {
    refused({ method: 'GET', body: 'x' }, '/body', /a GET has no body/);
    refused({ method: 'GET', body: '' }, '/body', /a GET has no body/);
    assert.equal(accepted({ method: 'GET' }).body, null);
  });

  it('may be as large as is allowed, in bytes and as it is sent', () => {
    assert.equal(accepted({ body: 'a'.repeat(1_000) }).body?.length, 1_000);
    refused({ body: 'a'.repeat(1_001) }, '/body', /larger than 1000 bytes/);
    refused({ body: 'ü'.repeat(501) }, '/body', /larger than 1000 bytes/);
    refused({ body: Array.from({ length: 50 }, () => 1e20) }, '/body', /larger than 1000 bytes/);
  });

  it('cannot have half of a surrogate pair', () => {
    refused({ body: 'a\ud800' }, '/body', /half of a surrogate pair/);
    assert.equal(accepted({ body: { a: '\ud800' } }).body, '{"a":"\\ud800"}');
  });
});

describe('a retry policy', () => {
  it('that says one thing keeps the rest preset', () => {
    assert.deepEqual(accepted({ retry: { factor: 2 } }).retry, { ...defaultRetryPolicy, factor: 2 });
    assert.deepEqual(accepted({ retry: {} }).retry, defaultRetryPolicy);
  });

  it('may have no growth, no pause, or a longest pause below the first', () => {
    const retry = { factor: 1, initial: '0s', max: '0s', max_attempts: 1 };
    assert.deepEqual(accepted({ retry }).retry, { factor: 1, initialMs: 0, maxMs: 0, maxAttempts: 1 });
    accepted({ retry: { initial: '1h', max: '1s' } });
  });

  for (const max_attempts of [0, -1, 1.5, 101, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`must have 1 to 100 attempts: ${max_attempts}`, () => {
      refused({ retry: { max_attempts } }, '/retry/max_attempts', /whole number from 1 to 100/);
    });
  }

  for (const factor of [0, 0.99, -2, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`must have a factor of at least 1: ${factor}`, () => {
      refused({ retry: { factor } }, '/retry/factor', /number of at least 1/);
    });
  }

  for (const pause of ['', '1', '-1s', '25h', 'PT24H1S', 'P1M', '1h30m']) {
    it(`must have pauses of at most a day: ${JSON.stringify(pause)}`, () => {
      refused({ retry: { initial: pause } }, '/retry/initial', /duration such as 1s, of at most 24h/);
      refused({ retry: { max: pause } }, '/retry/max', /duration such as 1s, of at most 24h/);
    });
  }
});

describe('a timeout', () => {
  it('may be from 1 ms to the longest allowed', () => {
    assert.equal(accepted({ timeout: '1ms' }).timeoutMs, 1);
    assert.equal(accepted({ timeout: '5m' }).timeoutMs, 300_000);
  });

  for (const timeout of ['0s', '301s', 'PT5M0.001S', 'x', '-1s', 'PT-1S', '']) {
    it(`is refused otherwise: ${JSON.stringify(timeout)}`, () => {
      refused({ timeout }, '/timeout', /duration such as 15s, from 1ms to 300s/);
    });
  }
});

describe('a duration', () => {
  for (const [text, ms] of [
    ['0ms', 0],
    ['250ms', 250],
    ['15s', 15_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['PT1M30S', 90_000],
    ['P1D', 86_400_000],
    ['PT1.0005S', 1_001],
    ['P1M', undefined],
    ['P1W', undefined],
    ['P', undefined],
    ['-PT1S', undefined],
    ['1h30m', undefined],
    ['1.5s', undefined],
    ['1e3s', undefined],
    [' 1s', undefined],
    ['1s\n', undefined],
    ['', undefined],
  ] as const) {
    it(`is ${ms} in whole milliseconds: ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), ms));
  }
});

describe('tags', () => {
  it('are kept once each, in order', () => {
    assert.deepEqual(accepted({ tags: ['b', 'a', 'b', 'B'] }).tags, ['b', 'a', 'B']);
  });

  it('may be named like the parts of an object', () => {
    assert.deepEqual(accepted({ tags: ['__proto__', 'constructor'] }).tags, ['__proto__', 'constructor']);
  });

  it('may be as many as is allowed', () => {
    const tags = Array.from({ length: 21 }, (_, at) => `t${at}`);
    assert.equal(accepted({ tags: tags.slice(1) }).tags.length, 20);
    refused({ tags }, '/tags', /more than 20 tags/);
  });

  it('have 1 to 64 characters, an emoji being one', () => {
    accepted({ tags: ['😀'.repeat(64)] });
    refused({ tags: ['a', ''] }, '/tags/1', /1 to 64 characters/);
    refused({ tags: ['a'.repeat(65)] }, '/tags/0', /1 to 64 characters/);
  });

  for (const tag of ['a\nb', '\0', '\x7f', '\ud800']) {
    it(`must not contain control characters: ${JSON.stringify(tag)}`, () => {
      refused({ tags: [tag] }, '/tags/0', /control characters/);
    });
  }
});

describe('a change', () => {
  const json = { 'content-type': 'application/json' };
  const text = { 'content-type': 'text/plain; charset=utf-8' };
  const xml = { 'content-type': 'text/xml' };

  it('that says nothing changes nothing', () => {
    const base = aSpec({ headers: { a: 'b', ...xml }, body: '<a/>', tags: ['t'], timeoutMs: 7, method: 'PUT' });
    assert.deepEqual(accepted({}, base), base);
  });

  it('of one thing leaves the others', () => {
    const base = aSpec({ tags: ['t'], retry: { ...defaultRetryPolicy, maxAttempts: 3 } });
    assert.deepEqual(accepted({ url, retry: { factor: 2 }, append_id: false }, base), {
      ...base,
      url,
      retry: { ...base.retry, factor: 2 },
      appendId: false,
    });
  });

  it('of the headers replaces them, but the body keeps its type', () => {
    const base = aSpec({ headers: { a: 'b', ...json }, body: '{}' });
    assert.deepEqual(accepted({ headers: { c: 'd' } }, base).headers, { c: 'd', ...json });
    assert.deepEqual(accepted({ headers: xml }, base).headers, xml);
    assert.deepEqual(accepted({ headers: { c: 'd' } }, aSpec({ headers: { a: 'b' } })).headers, { c: 'd' });
  });

  for (const [what, typeBefore, body, typeAfter] of [
    ['JSON for text', text, { a: 1 }, json],
    ['text for JSON', json, 'hello', text],
    ['JSON as text for JSON', json, '{"a":1}', json],
    ['text for text', text, 'hello', text],
    ['anything for a type of its own', xml, '<b/>', xml],
    ['JSON for a type of its own', xml, { a: 1 }, xml],
  ] as const) {
    it(`of the body has the type that can be true: ${what}`, () => {
      const base = aSpec({ headers: { a: 'b', ...typeBefore }, body: 'before' });
      assert.deepEqual(accepted({ body }, base).headers, { a: 'b', ...typeAfter });
    });
  }

  it('of body and headers together has the type that they say or that fits', () => {
    const base = aSpec({ headers: xml, body: '<a/>' });
    assert.deepEqual(accepted({ headers: { c: 'd' }, body: 'x' }, base).headers, { c: 'd', ...text });
    assert.deepEqual(accepted({ headers: json, body: '1' }, base).headers, json);
  });

  it('to no body takes the body’s type away with it', () => {
    const base = aSpec({ headers: { a: 'b', ...json }, body: '{}' });
    assert.deepEqual(accepted({ method: 'GET', body: null }, base), {
      ...base,
      method: 'GET',
      body: null,
      headers: { a: 'b' },
    });
  });

  it('to GET is refused while there is a body', () => {
    const faults = faultsOf({ method: 'GET' }, aSpec({ body: 'x' }));
    assert.deepEqual(
      faults.map(({ pointer }) => pointer),
      ['/body'],
    );
  });
});
