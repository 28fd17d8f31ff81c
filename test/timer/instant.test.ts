import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatInstant, fractionMs, parseInstant, secondsLeft } from '../../src/timer/instant.ts';

const noon = Date.UTC(2026, 11, 24, 12);
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

describe('an instant as text', () => {
  it('is written in UTC with milliseconds', () => {
    assert.equal(formatInstant(Date.UTC(2026, 10, 23, 17, 30, 0, 250)), '2026-11-23T17:30:00.250Z');
  });

  it('is written as Date has it, whatever was written before', () => {
    const written = (at: number) => assert.equal(formatInstant(at), new Date(at).toISOString());
    const instant = fc.integer({ min: -8.63e15, max: 8.63e15 });
    fc.assert(
      // Often in the same minute, else in the one before or behind.
      fc.property(instant, fc.integer({ min: -90_000, max: 90_000 }), (at, laterMs) => {
        written(at);
        written(at + laterMs);
      }),
    );
    assert.throws(() => formatInstant(Number.NaN), RangeError);
  });

  it('is read as the instant that was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(0), max: lastInstant }), (instant) => {
        assert.equal(parseInstant(formatInstant(instant)), instant);
      }),
    );
  });

  for (const [text, instant] of [
    ['2026-12-24T12:00:00Z', noon],
    ['2026-12-24t12:00:00z', noon],
    ['2026-12-24 12:00:00Z', noon],
    ['2026-12-24T13:00:00+01:00', noon],
    ['2026-12-25T11:59:00+23:59', noon],
    ['2026-12-23T12:01:00-23:59', noon],
    ['2026-12-24T12:00:00-00:00', noon],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
    ['2026-12-24T12:00:00.5Z', noon + 500],
    ['2026-12-24T12:00:00.123Z', noon + 123],
    ['1969-12-31T23:59:59.9999Z', 0],
  ] as const) {
    it(`is read: ${text}`, () => assert.equal(parseInstant(text), instant));
  }

  for (const [text, instant] of [
    ['2026-12-24T12:00:00.1230000Z', noon + 123],
    ['2026-12-24T12:00:00.1230001Z', noon + 124],
    ['2026-12-24T12:00:00.00000000000000000001Z', noon + 1],
    ['2026-12-24T12:00:00.9999Z', noon + 1000],
  ] as const) {
    it(`rounds parts of a millisecond up, never early: ${text}`, () => assert.equal(parseInstant(text), instant));
  }

  for (const text of [
    '',
    '2026-12-24',
    '2026-12-24T12:00Z',
    '2026-12-24T12:00:00',
    '2026-12-24T12:00:00.Z',
    '2026-12-24T12:00:00,5Z',
    '2026-12-24T12:00:00+1:00',
    '2026-12-24T12:00:00+0100',
    '2026-12-24T12:00:00+24:00',
    '2026-12-24T12:00:00+01:00[Europe/Berlin]',
    '2026-12-24T24:00:00Z',
    '2026-12-24T12:60:00Z',
    '2026-12-24T12:00:61Z',
    '2027-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '+002026-12-24T12:00:00Z',
    '2026-12-24T12:00:00Z\n',
    '٢٠٢٦-12-24T12:00:00Z',
  ]) {
    it(`is no instant: ${JSON.stringify(text)}`, () => assert.equal(parseInstant(text), undefined));
  }
});

describe('a leap second', () => {
  const midnight = Date.UTC(2017, 0, 1);

  it('is the midnight behind it: a second earlier would be early', () => {
    assert.equal(parseInstant('2016-12-31T23:59:60Z'), midnight);
    assert.equal(parseInstant('2016-12-31T23:59:60.5Z'), midnight);
  });

  it('is at that midnight of UTC in every offset', () => {
    assert.equal(parseInstant('2016-12-31T15:59:60-08:00'), midnight);
    assert.equal(parseInstant('2017-01-01T05:29:60+05:30'), midnight);
  });

  it('is refused where none can be', () => {
    assert.equal(parseInstant('2016-12-31T12:59:60Z'), undefined);
    assert.equal(parseInstant('2016-12-31T23:59:60+01:00'), undefined);
  });
});

describe('a fraction of a second', () => {
  it('is never less than what was written, and less than a millisecond more', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }), (picoseconds) => {
        const ms = BigInt(fractionMs(`.${String(picoseconds).padStart(12, '0')}`)) * 10n ** 9n;
        assert.ok(ms >= picoseconds && ms - picoseconds < 10n ** 9n);
      }),
    );
  });

  it('is nothing when there is none', () => assert.equal(fractionMs(undefined), 0));
});

describe('the seconds left', () => {
  for (const [dueAt, nowMs, seconds] of [
    [10_000, 0, 10],
    [10_000, 0.001, 10],
    [10_001, 0, 11],
    [10_000, 9_999.5, 1],
    [10_000, 10_000, 0],
    [10_000, 10_000.5, 0],
    [10_000, 99_999, 0],
  ] as const) {
    it(`are ${seconds} from ${nowMs} to ${dueAt}`, () => assert.ok(Object.is(secondsLeft(dueAt, nowMs), seconds)));
  }
});
