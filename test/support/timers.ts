import { newTimerId } from '../../src/timer/id.ts';
import { bucketByteOfKey } from '../../src/timer/key.ts';
import { defaultRetryPolicy } from '../../src/timer/retry.ts';
import { freshTimer, type NewTimer, type Spec, type Timer } from '../../src/timer/timer.ts';
import { seededRandom } from './seeded-random.ts';

const random = seededRandom(1);

/** A plain spec, changed as said. */
export function aSpec(change: Partial<Spec> = {}): Spec {
  return {
    url: 'http://127.0.0.1:9/hook',
    method: 'POST',
    headers: {},
    body: null,
    appendId: true,
    delivery: 'at-least-once',
    retry: defaultRetryPolicy,
    timeoutMs: 15_000,
    tags: [],
    ...change,
  };
}

/** A timer to insert, created at `nowMs` and due a second later, changed as said. */
export function aNewTimer(nowMs: number, change: Partial<NewTimer> = {}): NewTimer {
  const key = change.idempotency?.key;
  return {
    id: newTimerId(nowMs, random, { shard: 0, ...(key === undefined ? {} : { bucketByte: bucketByteOfKey(key) }) }),
    tenant: 'default',
    spec: aSpec(),
    dueAt: nowMs + 1_000,
    idempotency: null,
    ...change,
  };
}

/** A timer as the store returns it: waiting, never tried, changed as said. */
export function aTimer(nowMs: number, change: Partial<Timer> = {}): Timer {
  return { ...freshTimer(aNewTimer(nowMs)), ...change };
}
