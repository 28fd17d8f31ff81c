import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { describe, test } from 'node:test';
import { destinationOf } from '../../src/timer/destination.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import { RefusedAddress, TargetGuard } from '../../src/webhook/target-guard.ts';

/** What the guard says of a URL, spelled as a client may spell it. */
function verdict(refuse: readonly string[], url: string): string | undefined {
  return new TargetGuard({ refuse }).refusedLiteral(destinationOf(new URL(url).href));
}

describe('a literal address', () => {
  for (const [range, url] of [
    ['169.254.0.0/16', 'http://169.254.169.254/latest/meta-data'],
    ['link-local', 'http://169.254.169.254:80/'],
    ['link-local', 'http://[fe80::1]/'],
    ['fe80::/10', 'https://[fe80::1]:8443/'],
    ['link-local', 'http://[::ffff:169.254.169.254]/'],
    ['169.254.0.0/16', 'http://[::ffff:a9fe:a9fe]:8080/'],
    ['link-local', 'http://[64:ff9b::169.254.169.254]/'],
    ['link-local', 'http://[2002:a9fe:a9fe::1]/'],
    ['loopback', 'http://[::127.0.0.1]/'],
    ['169.254.0.0/16', 'http://[::a9fe:a9fe]/'],
    // A Teredo address holds its server's address, and its client's with the bits turned over.
    ['link-local', 'http://[2001:0:a9fe:a9fe::1]/'],
    ['link-local', 'http://[2001:0:808:808:0:0:5601:5601]/'],
    ['link-local', 'http://0xa9fea9fe/'],
    ['link-local', 'http://2852039166/'],
    ['link-local', 'http://0251.0376.0251.0376/'],
    ['link-local', 'http://169.254.43518/'],
    ['link-local', 'http://１６９.254.169.254/'],
    ['loopback', 'http://127.1/'],
    ['loopback', 'http://[::1]:9/'],
    ['loopback', 'http://0.0.0.0/'],
    ['loopback', 'http://[::]/'],
    ['private', 'http://192.168.1.1/'],
    ['unique-local', 'http://[fd12::1]/'],
    ['carrier-grade-nat', 'http://100.64.0.1/'],
    ['10.1.2.3', 'http://10.1.2.3/'],
    ['fd00::5', 'http://[fd00::5]/'],
  ] as const) {
    test(`${url} is refused by ${range}`, () => assert.equal(verdict([range], url), range));
  }

  for (const [range, url] of [
    ['169.254.0.0/16', 'http://169.253.0.1/'],
    ['link-local', 'http://93.184.216.34/'],
    ['private', 'http://127.0.0.1/'],
    ['10.1.2.3', 'http://10.1.2.4/'],
    ['::ffff:0:0/96', 'http://1.2.3.4/'],
    ['0.0.0.0/8', 'http://[::1]/'],
    ['0.0.0.0/8', 'http://[::]/'],
    ['link-local', 'http://[2606::169.254.169.254]/'],
    ['link-local', 'http://[2001:0:808:808:0:0:a9fe:a9fe]/'],
    ['loopback', 'http://localhost/'],
    ['loopback', 'http://127.0.0.1.example.com/'],
  ] as const) {
    test(`${url} is not refused by ${range} before it is looked up`, () =>
      assert.equal(verdict([range], url), undefined));
  }

  test('gets the same verdict when it is asked about again', () => {
    const guard = new TargetGuard({ refuse: ['loopback'] });
    for (let time = 0; time < 2; time++) {
      assert.equal(guard.refusedLiteral('http://127.0.0.1:80'), 'loopback');
      assert.equal(guard.refusedLiteral('http://1.1.1.1:80'), undefined);
    }
  });
});

describe('a name', () => {
  const answering =
    (...addresses: LookupAddress[]): LookupFunction =>
    (_, __, callback) =>
      callback(null, addresses);

  function look(guard: TargetGuard, all = true): Promise<unknown> {
    return new Promise((resolve) => guard.lookup('a.test', { all }, (error, found) => resolve(error ?? found)));
  }

  test('that resolves to allowed addresses gives these to the connection', async () => {
    const addresses = [
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ];
    const guard = new TargetGuard({ refuse: ['private'], lookup: answering(...addresses) });
    assert.deepEqual(await look(guard), addresses);
    assert.equal(await look(guard, false), '1.1.1.1');
  });

  for (const address of ['10.0.0.1', '::ffff:10.0.0.1']) {
    test(`of whose addresses one is refused (${address}) is refused, with the range and nothing else`, async () => {
      const lookup = answering({ address: '1.1.1.1', family: 4 }, { address, family: 4 });
      const error = await look(new TargetGuard({ refuse: ['link-local', 'private'], lookup }));
      assert.ok(error instanceof RefusedAddress);
      assert.equal(error.range, 'private');
      assert.doesNotMatch(error.message, /10\.0/);
    });
  }

  test('that resolves to something unreadable is refused', async () => {
    const lookup = answering({ address: 'fe80::1%%', family: 6 });
    assert.ok((await look(new TargetGuard({ refuse: ['private'], lookup }))) instanceof RefusedAddress);
  });

  test('that many ask for at the same time is looked up once, and anew afterwards', async () => {
    const answers: (() => void)[] = [];
    const lookup: LookupFunction = (_, __, callback) => {
      answers.push(() => callback(null, [{ address: '1.1.1.1', family: 4 }]));
    };
    const guard = new TargetGuard({ refuse: [], lookup });
    const looking = [look(guard), look(guard), look(guard)];
    assert.equal(answers.length, 1);
    answers[0]?.();
    assert.equal((await Promise.all(looking)).length, 3);
    void look(guard);
    assert.equal(answers.length, 2);
  });
});

for (const text of ['10.0.0.0/33', 'metadata', 'linkLocal2', '', '300.1.1.1', 'toString']) {
  test(`a range that cannot be read is refused with its text: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => new TargetGuard({ refuse: [text] }),
      (error) =>
        error instanceof PunctualError && error.code === 'invalid_configuration' && error.message.includes(text),
    );
  });
}
