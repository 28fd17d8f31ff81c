// One process on a file is killed again and again while its timers come due: npm run chaos -- kill
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../src/timer/timer.ts';
import type { AcceptedById } from '../support/load.ts';
import { ProcessFleet } from '../support/process-fleet.ts';
import type { Report } from '../support/report.ts';
import { createSpread } from './support/create-spread.ts';
import { allEnded, getJson, listIds, type Stats } from './support/punctual-api.ts';
import { ChaosReceiver } from './support/receiver.ts';
import { statsReport } from './support/stats-report.ts';
import { disturbancesOf, faultsOf, judge } from './support/verdict.ts';

export interface KillOptions {
  readonly timers: number;
  readonly kills: number;
  readonly delivery: Delivery;
  /** The timers come due over this span. */
  readonly spanMs: number;
}

/** So that calls are on the wire at each kill. */
const answerMsMax = 30;
const createdWithinMs = 3_000;
const endsWithinMs = 60_000;

/**
 * Kills the service with SIGKILL again and again while its timers come due, starts it again each time, and then compares what it
 * accepted with what the receiver got.
 */
export async function killAgainAndAgain(options: KillOptions): Promise<Report> {
  await using leaving = new AsyncDisposableStack();
  const folder = leaving.adopt(await mkdtemp(join(tmpdir(), 'punctual-kill-')), (path) =>
    rm(path, { recursive: true }),
  );
  const receiver = leaving.adopt(await ChaosReceiver.start({ answerMsMax }), (one) => one.close());
  const fleet = await ProcessFleet.start({
    database: { databasePath: join(folder, 'punctual.db') },
    plan: { serve: 'serve' },
    onStart: (pid) => receiver.expect(pid),
  });
  leaving.adopt(fleet, (one) => one.end());
  const api = fleet.url('serve');
  const firstDueAt = Date.now() + createdWithinMs;
  const accepted = await createSpread([api], { ...options, firstDueAt, receiverUrl: receiver.url });
  for (let kill = 1; kill <= options.kills; kill++) {
    const at = firstDueAt + (options.spanMs * kill) / (options.kills + 1);
    await delay(Math.max(0, at - Date.now()));
    await fleet.kill('serve');
    await fleet.start('serve');
  }
  await allEnded(api, { count: accepted.size, withinMs: endsWithinMs });
  return await report({ api, fleet, receiver, accepted });
}

async function report(run: {
  api: string;
  fleet: ProcessFleet;
  receiver: ChaosReceiver;
  accepted: AcceptedById;
}): Promise<Report> {
  const { api, fleet, receiver, accepted } = run;
  const stats = statsReport(await getJson<Stats>(`${api}/stats?audit=true`), accepted.size);
  const verdict = judge({
    accepted,
    uncertain: new Set(await listIds(api, 'uncertain')),
    received: await receiver.received(),
    disturbances: disturbancesOf(fleet.interruptions),
  });
  return {
    figures: { ...verdict, kills: fleet.interruptions.length, ...stats.figures },
    tables: { 'Memory in MB': await fleet.memory() },
    faults: [...faultsOf(verdict), ...stats.faults, ...fleet.endedByThemselves],
  };
}
