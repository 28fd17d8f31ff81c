// Do controllers that poll slow down creates while a million timers wait? npm run bench -- freeze --engine postgres
import { setTimeout as delay } from 'node:timers/promises';
import { fleetOf } from '../test/support/fleet-plan.ts';
import { Load } from '../test/support/load.ts';
import { median } from '../test/support/percentiles.ts';
import type { ProcessFleet } from '../test/support/process-fleet.ts';
import type { Report } from '../test/support/report.ts';
import type { ServerEngine } from '../test/support/servers/database-server.ts';
import { withClient } from './support/database-client.ts';
import { fill } from './support/fill.ts';
import { withDatabase, withFleet } from './support/fleet.ts';
import { tidy } from './support/tidy.ts';

export interface FreezeOptions {
  readonly engine: ServerEngine;
  /** Waiting from the start, due in a day or two. */
  readonly timers: number;
  /** Rounds without controllers, and as many with them, in turn. */
  readonly rounds: number;
  readonly roundMs: number;
  readonly perSecond: number;
}

/** The system that Punctual grew out of froze: its controllers' polls locked what creates needed. */
const ratioMax = 1.5;
const controllers = 3;
const restMs = 1_000;
const hourMs = 3_600_000;

interface Round {
  readonly controllers: number;
  readonly creates: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** One API on one database server; the same creates with and without three controllers. */
export function freeze(options: FreezeOptions): Promise<Report> {
  return withDatabase(options.engine, async ({ url }) => {
    const startedAt = performance.now();
    await fill(url, options.timers);
    await withClient(options.engine, url, (ask) => tidy(options.engine, ask));
    const filledInSeconds = Math.round((performance.now() - startedAt) / 1_000);
    return await withFleet({ url, plan: fleetOf({ apis: 1, controllers }) }, async (fleet) => {
      await setControllers(fleet, 'off');
      // What is compiled in the first moments is no part of the comparison.
      await round(fleet, { ...options, roundMs: options.roundMs / 2 });
      const rounds: Round[] = [];
      for (let pair = 0; pair < options.rounds; pair++) {
        for (const controllersAre of ['off', 'on'] as const) {
          await setControllers(fleet, controllersAre);
          await delay(restMs);
          rounds.push(await round(fleet, options));
        }
      }
      return report(rounds, { filledInSeconds, faults: fleet.endedByThemselves });
    });
  });
}

async function setControllers(fleet: ProcessFleet, are: 'on' | 'off'): Promise<void> {
  await Promise.all(fleet.names('controller').map((name) => (are === 'on' ? fleet.start(name) : fleet.stop(name))));
}

async function round(fleet: ProcessFleet, { perSecond, roundMs }: FreezeOptions): Promise<Round> {
  const load = new Load({
    apis: fleet.urls('api'),
    perSecond,
    delayMsMin: hourMs,
    delayMsMax: 2 * hourMs,
    receiverUrl: 'http://127.0.0.1:9/hook',
    keyed: false,
  });
  await delay(roundMs);
  await load.stop();
  const { creates, refusals, createMsP50: p50, createMsP99: p99, answerMsMax: max } = load.figures();
  if (load.accepted.size < creates) throw new Error(`creates were refused: ${JSON.stringify(refusals)}`);
  return {
    controllers: fleet.names('controller').filter((name) => fleet.isRunning(name)).length,
    creates,
    p50,
    p99,
    max,
  };
}

function report(rounds: readonly Round[], run: { filledInSeconds: number; faults: readonly string[] }): Report {
  const medianOf = (percentile: 'p50' | 'p99', running: number) =>
    median(rounds.filter((one) => one.controllers === running).map((one) => one[percentile]));
  const p99Without = medianOf('p99', 0);
  const p99With = medianOf('p99', controllers);
  const ratio = Math.round((p99With / p99Without) * 100) / 100;
  const faults = [...run.faults];
  if (!(ratio <= ratioMax)) faults.push(`with controllers the p99 of creates is ${ratio} times what it is without`);
  return {
    figures: {
      filledInSeconds: run.filledInSeconds,
      p50Without: medianOf('p50', 0),
      p50With: medianOf('p50', controllers),
      p99Without,
      p99With,
      ratio,
    },
    tables: { 'Creates in ms, round by round': Object.fromEntries(rounds.map((one, at) => [at + 1, one])) },
    faults,
  };
}
