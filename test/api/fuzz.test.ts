import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { assertProblem, Harness, receiver } from './harness.ts';

const runs = { numRuns: 300 };
const json = { 'content-type': 'application/json' };

/** Bodies that are nearly right: known fields, each with a value that is right, wrong, or something else altogether. */
const nearlyRight = fc.record(
  {
    url: oneOfOrAnything(receiver, 'http://[::1]:1/a?b#c', 'ftp://x/', 'http://u:p@x/', 'http://\u0000/'),
    hours: oneOfOrAnything(0, 1, -1, 1.5, 1e308, '1'),
    minutes: oneOfOrAnything(0, 2 ** 53, null),
    seconds: oneOfOrAnything(0, 1e-7),
    delay: oneOfOrAnything('1s', 'PT1H', 'P1Y', 'P99999999Y', '99999999h', 'PT', '-1s', 'P-1D'),
    at: oneOfOrAnything('2026-01-01T00:00:00Z', '2026-13-01T00:00:00Z', '9999-12-31T23:59:59.9999999999Z'),
    local: oneOfOrAnything('2026-03-29T02:30', '2026-02-30T00:00'),
    timezone: oneOfOrAnything('Europe/Berlin', 'Mars/Base', 'UTC', '+02:00'),
    method: oneOfOrAnything('POST', 'GET', 'TRACE'),
    headers: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.jsonValue()),
    body: fc.jsonValue(),
    delivery: oneOfOrAnything('at-least-once', 'at-most-once', 'at-best'),
    retry: fc.oneof(
      fc.record(
        {
          max_attempts: oneOfOrAnything(1, 50, 51, 0),
          initial: oneOfOrAnything('1s', 'PT0S', '25h'),
          max: oneOfOrAnything('1h', 'P1M'),
          factor: oneOfOrAnything(1, 100, 0, 1e308),
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue(),
    ),
    timeout: oneOfOrAnything('15s', 'PT0.0001S', '0s'),
    tags: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    append_id: fc.oneof(fc.boolean(), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

function oneOfOrAnything(...values: unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: fc.jsonValue() });
}

// What a running service answers to requests of every kind is fuzzed in test/fuzz/. Here fast-check finds the smallest body that is to blame.

describe('whatever is sent', () => {
  let api: Harness;
  before(async () => {
    api = await Harness.start();
  });
  after(() => api.stop());

  /** The harness checks every answer against its documented schema besides. */
  function assertSensible(answer: LightMyRequestResponse): void {
    if (answer.statusCode === 201) return;
    const { code } = answer.json();
    const problem = assertProblem(answer, 400, code);
    if (code === 'invalid_request') for (const fault of problem.errors) assert.match(fault.pointer, /^(\/.*)?$/s);
  }

  const create = (payload: string) => api.call({ method: 'POST', url: '/timers', payload, headers: json });

  it('a create answers 201 or a problem, never a 5xx', async () => {
    const bodies = fc.oneof({ weight: 4, arbitrary: nearlyRight }, { weight: 1, arbitrary: fc.jsonValue() });
    let stored = 0;
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await create(JSON.stringify(body));
        assertSensible(answer);
        if (answer.statusCode === 201) stored += 1;
      }),
      runs,
    );
    assert.equal((await api.get('/stats')).json().accepted, stored, 'what was not answered with 201 was not stored');
  });

  it('text that is hardly JSON is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), async (text) => {
        assertSensible(await create(text));
      }),
      runs,
    );
  });
});
