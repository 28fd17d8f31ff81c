// How many timers a second can be created, one by one? npm run bench -- create --engine sqlite
import type { Report } from '../test/support/report.ts';
import { type Contestant, type Figures, hold } from './support/contest.ts';
import { atLeast, publish, type Target } from './support/outcome.ts';
import { startProgram } from './support/program.ts';
import { type Engine, startPunctual, withHome } from './support/punctual.ts';
import { ask } from './support/wrk.ts';

export interface CreateOptions {
  readonly engine: Engine;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

const connectionCounts = [64, 256] as const;

/** Beside a Fastify route that stores nothing: the limit of what one process of Node answers. */
export function create({ engine, rounds, seconds, results }: CreateOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await using leaving = new AsyncDisposableStack();
    const limit = await startProgram('limits/empty-route.ts');
    leaving.defer(() => limit.end());
    const punctual = await startPunctual(home);
    leaving.defer(() => punctual.end());
    const contestants = [
      creating('empty route', limit.url, seconds),
      creating('Punctual', punctual.url('serve-1'), seconds),
    ];
    const standings = await hold(contestants, { rounds });
    const share = (count: number) =>
      standings.Punctual![`perSecond${count}`]!.median / standings['empty route']![`perSecond${count}`]!.median;
    return publish(
      {
        name: `create-${engine}`,
        standings,
        targets: connectionCounts.map((count) => shareTarget(engine, count, share(count))),
        charts: [
          {
            kind: 'bars',
            title: `Timers created, ${engine}`,
            unit: 'per second; the line goes from the lowest to the highest round',
            labels: Object.keys(standings),
            series: Object.fromEntries(
              connectionCounts.map((count) => [
                `${count} connections`,
                Object.values(standings).map((figures) => figures[`perSecond${count}`]),
              ]),
            ),
          },
        ],
      },
      results,
    );
  });
}

const askedShare: Readonly<Record<Engine, number>> = { sqlite: 0.6, postgres: 0.45, mysql: 0.45 };

function shareTarget(engine: Engine, connections: number, share: number): Target {
  return atLeast(`share of the empty route, ${connections} connections`, askedShare[engine], share);
}

function creating(name: string, service: string, seconds: number): Contestant {
  return {
    name,
    async round() {
      const figures: Record<string, number> = {};
      for (const connections of connectionCounts) {
        const load = { url: `${service}/timers`, connections, seconds, script: { name: 'create.lua' } } as const;
        const { perSecond, p50Ms, p99Ms } = await ask(load);
        Object.assign(figures, {
          [`perSecond${connections}`]: perSecond,
          [`p50Ms${connections}`]: p50Ms,
          [`p99Ms${connections}`]: p99Ms,
        });
      }
      return figures satisfies Figures;
    },
  };
}
