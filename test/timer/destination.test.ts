import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { destinationOf, targetUrl } from '../../src/timer/destination.ts';
import { newTimerId } from '../../src/timer/id.ts';
import { seededRandom } from '../support/seeded-random.ts';

const id = newTimerId(0, seededRandom(1), { shard: 0 });
const target = (url: string) => targetUrl({ url: new URL(url).href, appendId: true }, id);

describe('the destination of a URL', () => {
  for (const [url, destination] of [
    ['https://example.com/hook', 'https://example.com'],
    ['https://example.com', 'https://example.com'],
    ['https://example.com:443/', 'https://example.com'],
    ['http://example.com:443/', 'http://example.com:443'],
    ['http://127.0.0.1:8080/a/b?c=//d', 'http://127.0.0.1:8080'],
    ['http://[::1]:8080/a', 'http://[::1]:8080'],
    ['http://EXÄMPLE.com/', 'http://xn--exmple-cua.com'],
    ['http://example.com?a=/b', 'http://example.com'],
  ] as const) {
    it(`is ${destination} for ${url}`, () => assert.equal(destinationOf(new URL(url).href), destination));
  }

  it('is the URL standard’s origin', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (text) => {
        const url = new URL(text);
        assert.equal(destinationOf(url.href), url.origin);
      }),
    );
  });
});

describe('the address of a call', () => {
  for (const [url, address] of [
    ['http://h/hook', `http://h/hook/${id}`],
    ['http://h/hook/', `http://h/hook/${id}`],
    ['http://h/hook//', `http://h/hook/${id}`],
    ['http://h', `http://h/${id}`],
    ['http://h/', `http://h/${id}`],
    ['http://h///', `http://h/${id}`],
    ['http://h:8080', `http://h:8080/${id}`],
    ['http://h/a//b', `http://h/a//b/${id}`],
    ['http://h/hook?a=1&b=2', `http://h/hook/${id}?a=1&b=2`],
    ['http://h/hook/?a=1', `http://h/hook/${id}?a=1`],
    ['http://h?a=1', `http://h/${id}?a=1`],
    ['http://h/hook?', `http://h/hook/${id}?`],
    ['http://h/hook?a=b?c/', `http://h/hook/${id}?a=b?c/`],
    ['http://h/a%2F', `http://h/a%2F/${id}`],
  ] as const) {
    it(`is ${address.replace(id, '{id}')} for ${url}`, () => assert.equal(target(url), address));
  }

  it('has the id as its last segment, and the query as it was', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (text) => {
        const [before, after] = [new URL(text), new URL(target(text))];
        assert.equal(after.search, before.search);
        assert.equal(after.origin, before.origin);
        assert.equal(after.pathname, `${before.pathname.replace(/\/+$/, '')}/${id}`);
      }),
    );
  });

  it('is the URL itself when the id is not to be appended', () => {
    assert.equal(targetUrl({ url: 'http://h/hook//?a=1', appendId: false }, id), 'http://h/hook//?a=1');
  });
});
