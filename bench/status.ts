// How many timers a second can be read, each by its id? npm run bench -- status --engine sqlite
import type { Report } from '../test/support/report.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, hold } from './support/contest.ts';
import { fill } from './support/fill.ts';
import { publish } from './support/outcome.ts';
import { startProgram } from './support/program.ts';
import { type Engine, startPunctual, withHome } from './support/punctual.ts';
import { StatusReads } from './support/status-reads.ts';

export interface StatusOptions {
  readonly engine: Engine;
  /** Waiting from the start. */
  readonly timers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

const connections = 64;

/** Beside a Fastify route that looks nothing up: the limit of what one process of Node answers. */
export function status({ engine, timers, rounds, seconds, results }: StatusOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await using leaving = new AsyncDisposableStack();
    const { ids } = await fill(home.databaseUrl, timers);
    const reads = leaving.use(await StatusReads.of(ids));
    const reading = (name: string, service: string): Contestant => ({
      name,
      async round() {
        const { perSecond, p50Ms, p99Ms } = await reads.ask({ url: service, connections, seconds });
        return { perSecond, p50Ms, p99Ms };
      },
    });
    const limit = await startProgram('limits/empty-route.ts');
    leaving.defer(() => limit.end());
    const punctual = await startPunctual(home);
    leaving.defer(() => punctual.end());
    const contestants = [reading('empty route', limit.url), reading('Punctual', punctual.url('serve-1'))];
    const standings = await hold(contestants, { rounds });
    const title = `Status reads of ${timers.toLocaleString('en')} timers, ${engine}`;
    const unit = 'per second; the line goes from the lowest to the highest round';
    const charts = [barsOf(standings, { title, unit, figures: { [`${connections} connections`]: 'perSecond' } })];
    return publish({ name: `status-${engine}`, standings, targets: [], charts }, results);
  });
}
