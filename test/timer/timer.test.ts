import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Attempt } from '../../src/timer/outcome.ts';
import { attemptAt, latenessMs, statusAt } from '../../src/timer/timer.ts';
import { aTimer } from '../support/timers.ts';

const now = Date.UTC(2026, 0, 1);
const lease = { owner: 'a', until: now + 6_000 };

function attempt(number: number, startedAt: number | null): Attempt {
  return {
    number,
    outcome: 'unreachable',
    startedAt,
    durationMs: startedAt === null ? null : 5,
    status: null,
    error: 'refused',
    response: null,
  };
}

describe('the next attempt', () => {
  it('is due when the timer is', () => assert.equal(attemptAt(aTimer(now, { dueAt: now + 5 })), now + 5));
  it('is due at the retry after a failure', () => {
    assert.equal(attemptAt(aTimer(now, { dueAt: now + 5, retryAt: now + 900 })), now + 900);
  });
});

describe('the status', () => {
  it('is waiting while nobody holds the timer, even when it is overdue', () => {
    assert.equal(statusAt(aTimer(now, { dueAt: now - 60_000 }), now), 'waiting');
  });
  it('is waiting while a controller holds it ahead of its time', () => {
    assert.equal(statusAt(aTimer(now, { dueAt: now + 1, lease }), now), 'waiting');
  });
  it('is executing from the due time on while a controller holds it', () => {
    assert.equal(statusAt(aTimer(now, { dueAt: now, lease }), now), 'executing');
  });
  it('goes by the retry once there is one', () => {
    assert.equal(statusAt(aTimer(now, { dueAt: now - 9, retryAt: now + 1, lease }), now), 'waiting');
  });
  it('is the state in which the timer ended', () => {
    assert.equal(statusAt(aTimer(now, { ended: { status: 'uncertain', at: now } }), now), 'uncertain');
  });
});

describe('the lateness', () => {
  const lateness = (dueAt: number, attempts: Attempt[]) =>
    latenessMs(aTimer(now, { dueAt, attempts, attemptsMade: attempts.at(-1)?.number ?? 0 }));

  it('is not known before the first attempt', () => assert.equal(lateness(now, []), null));
  it('is from the due time to the first attempt, whatever came later', () => {
    assert.equal(lateness(now, [attempt(1, now + 3), attempt(2, now + 900)]), 3);
  });
  it('is not known where the first attempt was lost with its controller', () => {
    assert.equal(lateness(now, [attempt(1, null), attempt(2, now + 900)]), null);
  });
  it('is not known when the first attempt is no longer on record', () => {
    assert.equal(lateness(now, [attempt(2, now + 900)]), null);
  });
  it('does not count attempts before the timer was rescheduled, and is never negative', () => {
    assert.equal(lateness(now + 5_000, [attempt(1, now)]), null);
    assert.equal(lateness(now + 5_000, [attempt(1, now), attempt(2, now + 5_004)]), 4);
    assert.equal(lateness(now + 5_000, [attempt(7, now), attempt(8, now + 5_004)]), 4);
  });
});
