import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from '../../src/webhook/rate-meter.ts';

interface Work {
  readonly fromMs: number;
  readonly forMs: number;
  readonly perMs: number;
  readonly places?: number;
}

/** Works from `fromMs` for `forMs` at an even rate of all places together. */
function work(meter: RateMeter, { fromMs, forMs, perMs, places = 1 }: Work): number {
  meter.taken(places, fromMs);
  for (let n = 1; n <= forMs * perMs; n++) meter.mark(fromMs + n / perMs);
  return fromMs + forMs;
}

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < expected * 0.05, `${actual}`);

test('without any work the rate is 0', () => {
  assert.equal(new RateMeter().perMs(5), 0);
});

test('the rate is right after a few milliseconds of work already', () => {
  const meter = new RateMeter();
  const end = work(meter, { fromMs: 1_000_000, forMs: 40, perMs: 9 });
  near(meter.perMs(end), 9);
});

test('the rate is that of one place, however many are taken', () => {
  const meter = new RateMeter();
  const alone = work(meter, { fromMs: 0, forMs: 3_000, perMs: 0.1 });
  near(meter.perMs(alone), 0.1);
  const together = work(meter, { fromMs: alone, forMs: 3_000, perMs: 6.4, places: 64 });
  near(meter.perMs(together), 0.1);
});

test('idle time changes nothing', () => {
  const meter = new RateMeter();
  const end = work(meter, { fromMs: 0, forMs: 500, perMs: 2 });
  meter.taken(0, end);
  near(meter.perMs(end + 3_600_000), 2);
});

test('a standstill while there is work shows within two seconds', () => {
  const meter = new RateMeter();
  const end = work(meter, { fromMs: 0, forMs: 5_000, perMs: 4 });
  near(meter.perMs(end), 4);
  assert.ok(meter.perMs(end + 2_000) < 1);
});

test('a new rate is followed within a few seconds', () => {
  const meter = new RateMeter();
  const end = work(meter, { fromMs: 0, forMs: 5_000, perMs: 8 });
  near(meter.perMs(work(meter, { fromMs: end, forMs: 5_000, perMs: 1 })), 1);
});

test('is relied on after five seconds of work, among which idle time is not', () => {
  const meter = new RateMeter();
  const first = work(meter, { fromMs: 0, forMs: 1_000, perMs: 1 });
  meter.taken(0, first);
  assert.equal(meter.isReliable(first + 60_000), false);
  const end = work(meter, { fromMs: first + 60_000, forMs: 4_100, perMs: 1 });
  assert.equal(meter.isReliable(end - 300), false);
  assert.equal(meter.isReliable(end), true);
});
