// What does it cost to wait? npm run bench -- idle --engine sqlite
import type { Report } from '../test/support/report.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, hold } from './support/contest.ts';
import { fill } from './support/fill.ts';
import { atMost, publish } from './support/outcome.ts';
import { idleUse } from './support/process-use.ts';
import { type Engine, startPunctual, withHome } from './support/punctual.ts';

export interface IdleOptions {
  readonly engine: Engine;
  /** Waiting all the time, due in a day or two. */
  readonly timers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

/** API and controller in one process that was started anew for each round, and that nobody asks anything. */
export function idle({ engine, timers, rounds, seconds, results }: IdleOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await fill(home.databaseUrl, timers);
    const punctual: Contestant = {
      name: 'Punctual',
      async round() {
        await using leaving = new AsyncDisposableStack();
        const fleet = await startPunctual(home);
        // What was compiled is kept for the next start by one that ends in order.
        leaving.defer(() => fleet.end('in order'));
        return { ...(await idleUse(fleet, 'serve-1', seconds)) };
      },
    };
    const standings = await hold([punctual], { rounds });
    const { cpuPercent, nowMb } = standings.Punctual!;
    const subject = `while ${timers.toLocaleString('en')} timers wait, ${engine}`;
    const range = 'the line goes from the lowest to the highest round';
    return publish(
      {
        name: `idle-${engine}`,
        standings,
        targets: [
          atMost('processor, percent of a core', 1, cpuPercent!.median),
          atMost('memory, MB', 120, nowMb!.median),
        ],
        charts: [
          barsOf(standings, {
            title: `Processor ${subject}`,
            unit: `percent of one core; ${range}`,
            figures: { 'percent of one core': 'cpuPercent' },
          }),
          barsOf(standings, {
            title: `Memory ${subject}`,
            unit: `MB; ${range}`,
            figures: { 'at the end': 'nowMb', 'at the peak': 'peakMb' },
          }),
        ],
      },
      results,
    );
  });
}
