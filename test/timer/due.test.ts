import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DueRules, resolveDue, type When } from '../../src/timer/due.ts';
import type { Fault } from '../../src/timer/errors.ts';

const dayMs = 86_400_000;
const rules: DueRules = { delayMsMax: 3_653 * dayMs, pastMsMax: 60_000 };
const now = Date.UTC(2026, 10, 23, 12);

function dueAt(when: When, nowMs = now): number {
  const due = resolveDue(when, nowMs, rules);
  assert.ok('dueAt' in due, JSON.stringify(due));
  return due.dueAt;
}

function faults(when: When, nowMs = now): readonly Fault[] {
  const due = resolveDue(when, nowMs, rules);
  assert.ok('faults' in due, JSON.stringify(due));
  return due.faults;
}

function refused(when: When, pointer: string, rule: RegExp): void {
  const [fault, ...others] = faults(when);
  assert.deepEqual(others, []);
  assert.equal(fault?.pointer, pointer);
  assert.match(fault.detail, rule);
}

describe('saying when', () => {
  it('is required', () => refused({}, '', /say when: one of/));

  for (const [when, pointer] of [
    [{ seconds: 1, delay: '1s' }, '/delay'],
    [{ delay: '1s', at: '2026-12-24T18:00:00Z' }, '/at'],
    [{ hours: 0, local: '2026-12-24T18:00', timezone: 'UTC' }, '/local'],
    [{ at: '2026-12-24T18:00:00Z', timezone: 'UTC' }, '/timezone'],
  ] as const) {
    it(`in two ways is refused: ${Object.keys(when).join(', ')}`, () => refused(when, pointer, /only one/));
  }

  it('in three ways names each that is too many', () => {
    const pointers = faults({ seconds: 1, delay: '1s', at: 'x' }).map(({ pointer }) => pointer);
    assert.deepEqual(pointers, ['/delay', '/at']);
  });

  it('makes whole milliseconds, rounded up', () => {
    fc.assert(
      fc.property(fc.double({ min: now, max: now + dayMs, noNaN: true }), fc.nat(1_000_000), (nowMs, seconds) => {
        const due = dueAt({ seconds }, nowMs);
        assert.ok(Number.isInteger(due) && due >= nowMs + seconds * 1000 && due < nowMs + seconds * 1000 + 1);
      }),
    );
  });
});

describe('hours, minutes and seconds', () => {
  it('are added up', () => assert.equal(dueAt({ hours: 1, minutes: 30, seconds: 5 }), now + 5_405_000));

  it('may each be left out', () => {
    assert.equal(dueAt({ hours: 2 }), now + 7_200_000);
    assert.equal(dueAt({ minutes: 90 }), now + 5_400_000);
    assert.equal(dueAt({ seconds: 0 }), now);
  });

  it('may be a negative zero, which is zero', () => assert.equal(dueAt({ seconds: -0 }), now));

  for (const count of [-1, -30, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`are refused when not a whole number, 0 or more: ${count}`, () => {
      for (const name of ['hours', 'minutes', 'seconds']) {
        refused({ [name]: count }, `/${name}`, /whole number, 0 or more/);
      }
    });
  }

  it('are each named when they are wrong', () => {
    const pointers = faults({ hours: -1, minutes: 5, seconds: 0.5 }).map(({ pointer }) => pointer);
    assert.deepEqual(pointers, ['/hours', '/seconds']);
  });

  for (const count of [1e15, Number.MAX_SAFE_INTEGER, 1e300, Number.MAX_VALUE]) {
    it(`lie too far ahead when huge: ${count}`, () => {
      refused({ hours: count }, '/hours', /too far ahead: at most 3653 days/);
      refused({ hours: 1, seconds: count }, '/seconds', /too far ahead/);
    });
  }
});

describe('a delay', () => {
  for (const [delay, ms] of [
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['5m', 300_000],
    ['5ms', 5],
    ['1h30m', 5_400_000],
    ['7d', 7 * dayMs],
    ['1d2h3m4s5ms', dayMs + 7_384_005],
    ['PT1H30M', 5_400_000],
    ['PT0S', 0],
    ['PT0.25S', 250],
    ['PT0.0000001S', 1],
    ['P1D', dayMs],
    ['P1W', 7 * dayMs],
    ['P1DT12H', 1.5 * dayMs],
    ['PT36H', 1.5 * dayMs],
  ] as const) {
    it(`is ${ms} ms: ${delay}`, () => assert.equal(dueAt({ delay }), now + ms));
  }

  for (const delay of ['', ' 90s', '90', 's', '1.5h', '-90s', '90S', '30m1h', '1h 30m', '-PT1S', '+PT1S', '１s']) {
    it(`is refused with the forms that there are: ${JSON.stringify(delay)}`, () => {
      refused({ delay }, '/delay', /ISO 8601 duration such as PT1H30M, or a short form such as 90s/);
    });
  }

  for (const delay of ['P', 'PT', 'P-1D', 'PT-1S', 'P1H', 'PT1D', 'P1.5D', 'PT1S ', 'P99999999999Y', 'P1Y-1M']) {
    it(`is no ISO 8601 duration: ${JSON.stringify(delay)}`, () => {
      refused({ delay }, '/delay', /is no ISO 8601 duration .*, or too long a one; it cannot be negative/);
    });
  }

  it('of a month from the 31st ends at the last day of a shorter month', () => {
    const january = Date.UTC(2027, 0, 31, 8);
    assert.equal(dueAt({ delay: 'P1M' }, january), Date.UTC(2027, 1, 28, 8));
    assert.equal(dueAt({ delay: 'P1Y' }, Date.UTC(2028, 1, 29)), Date.UTC(2029, 1, 28));
  });

  it('of ten years is allowed wherever the leap days fall', () => {
    for (let year = 2026; year < 2040; year++) {
      assert.equal(dueAt({ delay: 'P10Y' }, Date.UTC(year, 2, 1)), Date.UTC(year + 10, 2, 1));
    }
  });

  it('may be exactly as long as is allowed, and no millisecond more', () => {
    assert.equal(dueAt({ delay: '3653d' }), now + rules.delayMsMax);
    assert.equal(dueAt({ delay: '3653d' }, now + 0.25), now + rules.delayMsMax + 1);
    refused({ delay: '3653d1ms' }, '/delay', /too far ahead/);
    refused({ delay: 'P3653DT0.001S' }, '/delay', /too far ahead/);
  });

  it('of any number of digits is too far ahead, not malformed', () => {
    refused({ delay: '9999999999s' }, '/delay', /too far ahead/);
    refused({ delay: `${'9'.repeat(400)}d` }, '/delay', /too far ahead/);
  });

  it('is never early', () => {
    fc.assert(
      fc.property(fc.double({ min: now, max: now + 1000, noNaN: true }), fc.nat(999_999_999), (nowMs, nanoseconds) => {
        const due = dueAt({ delay: `PT1.${String(nanoseconds).padStart(9, '0')}S` }, nowMs);
        assert.ok(due >= nowMs + 1000 + nanoseconds / 1e6);
      }),
    );
  });
});

describe('at', () => {
  it('is that instant', () => assert.equal(dueAt({ at: '2026-12-24T18:00:00+01:00' }), Date.UTC(2026, 11, 24, 17)));

  it('may lie up to a minute back, and then fires at once', () => {
    const due = dueAt({ at: '2026-11-23T11:59:00.000Z' });
    assert.equal(due, now - 60_000);
  });

  it('is refused when it lies further back', () => {
    refused({ at: '2026-11-23T11:58:59.999Z' }, '/at', /lies in the past, by more than 60 s/);
  });

  it('that is no RFC 3339 is refused', () => refused({ at: 'tomorrow' }, '/at', /RFC 3339 .* with an offset, such as/));

  it('may lie as far ahead as a delay', () => {
    assert.equal(dueAt({ at: '2036-11-23T12:00:00Z' }), now + rules.delayMsMax);
    refused({ at: '2036-11-23T12:00:00.001Z' }, '/at', /too far ahead/);
  });
});

describe('local and timezone', () => {
  const local = (text: string, timezone: string, nowMs = now) =>
    new Date(dueAt({ local: text, timezone }, nowMs)).toISOString();

  it('are that time on the zone’s clocks', () => {
    assert.equal(local('2026-12-24T18:00', 'Europe/Berlin'), '2026-12-24T17:00:00.000Z');
    assert.equal(local('2027-07-01 18:00:30', 'Europe/Berlin'), '2027-07-01T16:00:30.000Z');
  });

  for (const [zone, gap, forward] of [
    ['Europe/Berlin', '2027-03-28T02:30', '2027-03-28T01:30:00.000Z'],
    ['America/New_York', '2027-03-14T02:30', '2027-03-14T07:30:00.000Z'],
    ['Australia/Lord_Howe', '2027-10-03T02:15', '2027-10-02T15:45:00.000Z'],
  ] as const) {
    it(`in a gap move forward by the gap: ${zone}`, () => assert.equal(local(gap, zone), forward));
  }

  for (const [zone, fold, earlier] of [
    ['Europe/Berlin', '2027-10-31T02:30', '2027-10-31T00:30:00.000Z'],
    ['America/New_York', '2027-11-07T01:30', '2027-11-07T05:30:00.000Z'],
    ['Australia/Lord_Howe', '2027-04-04T01:45', '2027-04-03T14:45:00.000Z'],
  ] as const) {
    it(`in a fold take the earlier: ${zone}`, () => assert.equal(local(fold, zone), earlier));
  }

  it('keep every millisecond exactly, and round smaller parts up', () => {
    for (let ms = 0; ms < 1000; ms++) {
      const text = `2026-12-24T18:00:00.${String(ms).padStart(3, '0')}`;
      assert.equal(dueAt({ local: text, timezone: 'UTC' }), Date.UTC(2026, 11, 24, 18) + ms);
    }
    assert.equal(local('2026-12-24T18:00:00.0000001', 'UTC'), '2026-12-24T18:00:00.001Z');
  });

  it('know a zone in any case, and every zone that the runtime lists', () => {
    assert.equal(local('2026-12-24T18:00', 'eUROPE/bERLIN'), '2026-12-24T17:00:00.000Z');
    for (const zone of Intl.supportedValuesOf('timeZone')) local('2026-12-24T18:00', zone);
  });

  for (const zone of [
    '',
    'Berlin',
    'Europe/Berlin ',
    '+02:00',
    'Z',
    'UTC+2',
    '2026-12-24T18:00[UTC]',
    'Europe/Bérlin',
  ]) {
    it(`refuse what is no IANA zone: ${JSON.stringify(zone)}`, () => {
      refused({ local: '2026-12-24T18:00', timezone: zone }, '/timezone', /no IANA time zone/);
    });
  }

  for (const text of [
    '2026-12-24',
    '2026-12-24T18:00Z',
    '2026-12-24T18:00+01:00',
    '2026-12-24T18:00.5',
    '2026-12-24T24:00',
    '2026-12-24T18:00:60',
    '2027-02-29T00:00',
    '2026-12-24T18:00[u-ca=hebrew]',
    '2026-12-24T18:00\n',
  ]) {
    it(`refuse what is no date and time: ${JSON.stringify(text)}`, () => {
      refused({ local: text, timezone: 'UTC' }, '/local', /date and time without an offset, such as/);
    });
  }

  it('need each other', () => {
    refused({ local: '2026-12-24T18:00' }, '/timezone', /is missing/);
    refused({ timezone: 'Europe/Berlin' }, '/local', /is missing/);
  });

  it('lie too far back or ahead like any other', () => {
    refused({ local: '2026-11-23T11:58', timezone: 'UTC' }, '/local', /in the past/);
    refused({ local: '9999-12-31T23:59:59', timezone: 'UTC' }, '/local', /too far ahead/);
    refused({ local: '0000-01-01T00:00', timezone: 'UTC' }, '/local', /in the past/);
  });
});
