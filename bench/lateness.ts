// How late are timers that are created all the time, some of them due at once? npm run bench -- lateness --engine sqlite
import type { Report } from '../test/support/report.ts';
import { type Contestant, hold, type Standings } from './support/contest.ts';
import { atMost, publish, type Target } from './support/outcome.ts';
import { startProgram } from './support/program.ts';
import { apart, type Engine, startPunctual, together, withHome } from './support/punctual.ts';
import { latenessFaults, steadyLateness } from './support/steady-lateness.ts';

export interface LatenessOptions {
  readonly engine: Engine;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

/** Timers a second, and how many times as late as the bare program Punctual may be. */
const rates = [
  { perSecond: 500, sharesMax: 1.5 },
  { perSecond: 5_000, sharesMax: 2 },
] as const;

/** Beside a program that stores nothing; API and controller in one process, and on a server in two as well. */
export function lateness({ engine, rounds, seconds, results }: LatenessOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await using leaving = new AsyncDisposableStack();
    const faults: string[] = [];
    const bare = await startProgram('limits/bare-timer.ts');
    leaving.defer(() => bare.end());
    const contestants = [late('bare program', bare.url, { seconds, faults })];
    const plans = engine === 'sqlite' ? { Punctual: together } : { Punctual: together, 'Punctual, apart': apart };
    for (const [name, plan] of Object.entries(plans)) {
      const fleet = await startPunctual(home, plan);
      leaving.defer(() => fleet.end());
      contestants.push(late(name, fleet.url(Object.keys(plan)[0]!), { seconds, faults }));
    }
    const standings = await hold(contestants, { rounds });
    return publish(
      {
        name: `lateness-${engine}`,
        standings,
        targets: targets(engine, standings),
        charts: rates.map(({ perSecond }) => ({
          kind: 'bars',
          title: `Lateness at ${perSecond.toLocaleString('en')} timers a second, ${engine}`,
          unit: 'milliseconds from the due time to the arrival; the line goes from the lowest to the highest round',
          labels: Object.keys(standings),
          series: Object.fromEntries(
            ['p50', 'p99'].map((percentile) => [
              percentile,
              Object.values(standings).map((figures) => figures[`${percentile}Ms${perSecond}`]),
            ]),
          ),
        })),
        faults,
      },
      results,
    );
  });
}

function targets(engine: Engine, standings: Standings): Target[] {
  const p99 = (name: string, perSecond: number) => standings[name]![`p99Ms${perSecond}`]!.median;
  const shares = rates.map(({ perSecond, sharesMax }) =>
    atMost(
      `p99 at ${perSecond}/s, share of the bare program's`,
      sharesMax,
      p99('Punctual', perSecond) / p99('bare program', perSecond),
    ),
  );
  if (engine === 'sqlite') return shares;
  // MariaDB and MySQL wake nobody: the poll interval (200 ms) is the bound.
  const apartMsMax = engine === 'postgres' ? 15 : 220;
  return [
    ...shares,
    ...rates.map(({ perSecond }) =>
      atMost(`p99 at ${perSecond}/s, API and controller apart, ms`, apartMsMax, p99('Punctual, apart', perSecond)),
    ),
  ];
}

function late(name: string, service: string, { seconds, faults }: { seconds: number; faults: string[] }): Contestant {
  return {
    name,
    async round() {
      const figures: Record<string, number> = {};
      for (const { perSecond } of rates) {
        const report = await steadyLateness({ service, perSecond, seconds });
        const { p50, p99, max, createMsMax } = report;
        Object.assign(figures, {
          [`p50Ms${perSecond}`]: p50,
          [`p99Ms${perSecond}`]: p99,
          [`maxMs${perSecond}`]: max,
          [`createMsMax${perSecond}`]: createMsMax,
        });
        if (name !== 'bare program') faults.push(...latenessFaults(`${name} at ${perSecond}/s`, report));
      }
      return figures;
    },
  };
}
