// Every process is restarted in order under load, one after the other: npm run chaos -- rolling --engine postgres
import { setTimeout as delay } from 'node:timers/promises';
import { Load } from '../support/load.ts';
import { flat, type Report } from '../support/report.ts';
import type { ServerEngine } from '../support/servers/database-server.ts';
import { type Ground, onGround } from './support/ground.ts';
import { latenessBySecond, latenessFigures, latenessOf } from './support/lateness.ts';
import { allEnded, getJson, type Stats } from './support/punctual-api.ts';
import { statsReport } from './support/stats-report.ts';
import { faultsOf, judge } from './support/verdict.ts';

export interface RollingOptions {
  readonly engine: ServerEngine;
  readonly apis: number;
  readonly controllers: number;
  readonly perSecond: number;
  /** Between the start of one process and the stop of the next. */
  readonly restMs: number;
  /** How often each is restarted. */
  readonly rounds: number;
}

const delayMsMin = 50;
const delayMsMax = 5_000;
const endsWithinMs = 30_000;
const latenessMsMax = 100;
/** Of fewer the p99 is but the latest one: so it is in the first and the last seconds of the load. */
const judgedTimersMin = 100;

/** How one process was stopped. */
interface Restart {
  readonly name: string;
  readonly code: number | null;
  readonly stopMs: number;
  readonly startMs: number;
}

/** APIs and controllers on one database server. */
export function restartAll(options: RollingOptions): Promise<Report> {
  return onGround({ ...options, answerMsMax: 5 }, async (ground) => {
    const { apis, receiver } = ground;
    const { perSecond, restMs } = options;
    const load = new Load({ apis, perSecond, delayMsMin, delayMsMax, receiverUrl: receiver.url, keyed: true });
    const restarts: Restart[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const name of [...ground.fleet.names('api'), ...ground.fleet.names('controller')]) {
        await delay(restMs);
        restarts.push(await restart(ground, name));
      }
    }
    await delay(restMs);
    await load.stop();
    await allEnded(apis[0]!, { count: load.accepted.size, withinMs: endsWithinMs });
    return await report(ground, load, restarts);
  });
}

async function restart({ fleet }: Ground, name: string): Promise<Restart> {
  const from = performance.now();
  const code = await fleet.stop(name);
  const stoppedAt = performance.now();
  await fleet.start(name);
  const [stopMs, startMs] = [stoppedAt - from, performance.now() - stoppedAt].map(Math.round) as [number, number];
  return { name, code, stopMs, startMs };
}

async function report({ fleet, receiver, apis }: Ground, load: Load, restarts: readonly Restart[]): Promise<Report> {
  const { accepted } = load;
  const stats = statsReport(await getJson<Stats>(`${apis.at(-1)}/stats?audit=true`), accepted.size);
  const received = await receiver.received();
  // Nothing is disturbed: a restart in order explains no repeat.
  const verdict = judge({ accepted, uncertain: new Set(), received, disturbances: [] });
  const latenessById = latenessOf(accepted, received);
  const lateness = latenessFigures(latenessById);
  const seconds = latenessBySecond(accepted, latenessById);
  const judged = seconds.filter(({ timers }) => timers >= judgedTimersMin);
  const worstSecondMsP99 = Math.max(0, ...judged.map(({ p99 }) => p99));
  const faults = [...faultsOf(verdict), ...load.faults, ...stats.faults, ...fleet.endedByThemselves];
  if (verdict.repeats > 0) faults.push(`${verdict.repeats} calls were repeated`);
  if (!(lateness.latenessMsP99 < latenessMsMax)) faults.push(`lateness p99 is not below ${latenessMsMax} ms`);
  if (!(worstSecondMsP99 < latenessMsMax))
    faults.push(`lateness p99 of the worst second is not below ${latenessMsMax} ms`);
  for (const { name, code } of restarts) if (code !== 0) faults.push(`${name} ended with ${code} on SIGTERM`);
  return {
    figures: { ...verdict, ...lateness, worstSecondMsP99, ...flat(load.figures()), ...stats.figures },
    tables: {
      Restarts: Object.fromEntries(restarts.map(({ name, ...rest }, at) => [`${at + 1} ${name}`, rest])),
      'Lateness in ms, by the second in which timers were due': Object.fromEntries(
        seconds.map(({ second, ...rest }) => [second, rest]),
      ),
      'Memory in MB': await fleet.memory(),
    },
    faults,
  };
}
