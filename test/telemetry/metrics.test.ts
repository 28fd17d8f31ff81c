import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { bareMetrics } from '../support/bare-metrics.ts';

async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.text()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`)).sort();
}

it('counts attempts and ended timers by label, the same at every scrape', async () => {
  const metrics = bareMetrics();
  assert.deepEqual(await linesOf(metrics, 'punctual_attempts_total'), []);
  for (const outcome of ['delivered', 'rejected', 'delivered'] as const) metrics.attempts.inc(outcome);
  metrics.ended.inc('done');
  const attempts = ['punctual_attempts_total{outcome="delivered"} 2', 'punctual_attempts_total{outcome="rejected"} 1'];
  assert.deepEqual(await linesOf(metrics, 'punctual_attempts_total'), attempts);
  assert.deepEqual(await linesOf(metrics, 'punctual_attempts_total'), attempts);
  assert.deepEqual(await linesOf(metrics, 'punctual_timers_ended_total'), [
    'punctual_timers_ended_total{status="done"} 1',
  ]);
  metrics.attempts.inc('delivered');
  assert.equal(
    (await linesOf(metrics, 'punctual_attempts_total'))[0],
    'punctual_attempts_total{outcome="delivered"} 3',
  );
});
