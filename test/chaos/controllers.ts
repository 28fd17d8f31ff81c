// Controllers are killed and paused while timers come due: npm run chaos -- controllers --engine postgres
import type { Delivery } from '../../src/timer/timer.ts';
import type { AcceptedById } from '../support/load.ts';
import type { Report } from '../support/report.ts';
import type { ServerEngine } from '../support/servers/database-server.ts';
import { createSpread } from './support/create-spread.ts';
import { type Ground, onGround } from './support/ground.ts';
import { timersHeldBy } from './support/held-timers.ts';
import { latenessFigures, latenessOf } from './support/lateness.ts';
import { allEnded, getJson, listIds, type Stats } from './support/punctual-api.ts';
import { statsReport } from './support/stats-report.ts';
import { Struck } from './support/struck.ts';
import { torment } from './support/tormentor.ts';
import { disturbancesOf, faultsOf, judge } from './support/verdict.ts';

export interface ControllersOptions {
  readonly engine: ServerEngine;
  readonly timers: number;
  /** The timers come due over this span. */
  readonly spanMs: number;
  readonly delivery: Delivery | 'mixed';
  /** A controller is killed, and another one paused, this often. */
  readonly everyMs: number;
  readonly pauseMs: number;
}

const answerMsMax = 30;
const endsWithinMs = 90_000;
/** Enough to create the timers before the first is due, per thousand of them. */
const createMsPerThousand = 250;

/** Three APIs and three controllers on one database server. */
export function tormentControllers(options: ControllersOptions): Promise<Report> {
  return onGround({ engine: options.engine, apis: 3, controllers: 3, answerMsMax }, async (ground) => {
    const { fleet, receiver, apis } = ground;
    const firstDueAt = Date.now() + 3_000 + (options.timers / 1_000) * createMsPerThousand;
    const accepted = await createSpread(apis, { ...options, firstDueAt, receiverUrl: receiver.url });
    const createdMsAhead = firstDueAt - Date.now();
    const heldBy = (pid: number) => timersHeldBy(ground.databaseUrls[0]!, pid);
    const struck = new Struck(heldBy);
    await until(firstDueAt);
    await torment(fleet, {
      ...options,
      forMs: options.spanMs,
      heldBy,
      onStruck: (interruption) => struck.note(interruption),
    });
    await allEnded(apis[0]!, { count: accepted.size, withinMs: endsWithinMs });
    return await report(ground, { accepted, struck, createdMsAhead });
  });
}

function until(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, at - Date.now()));
}

interface Run {
  readonly accepted: AcceptedById;
  readonly struck: Struck;
  readonly createdMsAhead: number;
}

async function report({ fleet, receiver, apis }: Ground, run: Run): Promise<Report> {
  const { accepted, struck } = run;
  const uncertain = new Set(await listIds(apis[1]!, 'uncertain'));
  const stats = statsReport(await getJson<Stats>(`${apis[2]}/stats?audit=true`), accepted.size);
  const received = await receiver.received();
  const verdict = judge({ accepted, uncertain, received, disturbances: disturbancesOf(fleet.interruptions) });
  const lateness = latenessOf(accepted, received);
  const heldByStruck = struck.report(lateness);
  const faults = [...faultsOf(verdict), ...heldByStruck.faults, ...stats.faults, ...fleet.endedByThemselves];
  if (run.createdMsAhead < 0)
    faults.push('the timers were not all created before the first was due: use a larger span');
  return {
    figures: {
      ...verdict,
      kills: fleet.interruptions.filter(({ what }) => what === 'killed').length,
      pauses: fleet.interruptions.filter(({ what }) => what === 'paused').length,
      ...heldByStruck.figures,
      ...latenessFigures(lateness),
      ...stats.figures,
    },
    tables: { 'Memory in MB': await fleet.memory() },
    faults,
  };
}
