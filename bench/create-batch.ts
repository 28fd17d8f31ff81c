// How many timers a second can be created in batches? npm run bench -- create-batch --engine sqlite
import type { Report } from '../test/support/report.ts';
import { acceptedBy } from './support/accepted.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, hold } from './support/contest.ts';
import { insertRate } from './support/fill.ts';
import { publish } from './support/outcome.ts';
import { type Engine, type Home, startPunctual, withHomes } from './support/punctual.ts';
import { ask } from './support/wrk.ts';

export interface CreateBatchOptions {
  readonly engine: Engine;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

const connections = 8;
const sizes = [100, 1_000] as const;

/** Beside the store's own insert, which nobody asks over HTTP: the limit of what the database takes. */
export function createBatch({ engine, rounds, seconds, results }: CreateBatchOptions): Promise<Report> {
  return withHomes(engine, 2, async (homes) => {
    await using leaving = new AsyncDisposableStack();
    const [home, limit] = homes as [Home, Home];
    const faults: string[] = [];
    const punctual = await startPunctual(home);
    leaving.defer(() => punctual.end());
    const contestants: Contestant[] = [
      {
        name: 'the store alone',
        round: async () => ({ [figureOf(1_000)]: await insertRate(limit.databaseUrl, seconds) }),
      },
      creatingBatches(punctual.url('serve-1'), { seconds, faults }),
    ];
    const standings = await hold(contestants, { rounds });
    const chart = barsOf(standings, {
      title: `Timers created in batches, ${engine}`,
      unit: `per second, over ${connections} connections; the line goes from the lowest to the highest round`,
      figures: Object.fromEntries(sizes.map((size) => [`${size.toLocaleString('en')} timers each`, figureOf(size)])),
    });
    return publish({ name: `create-batch-${engine}`, standings, targets: [], charts: [chart], faults }, results);
  });
}

function figureOf(size: number): string {
  return `perSecond${size}`;
}

function creatingBatches(service: string, { seconds, faults }: { seconds: number; faults: string[] }): Contestant {
  return {
    name: 'Punctual',
    async round() {
      const figures: Record<string, number> = {};
      for (const size of sizes) {
        const before = await acceptedBy(service);
        const script = { name: 'create-batch.lua', args: [String(size)] } as const;
        const { requests, perSecond } = await ask({ url: `${service}/timers/batch`, connections, seconds, script });
        // A batch is answered with 200 even where timers in it are refused.
        const missing = before + requests * size - (await acceptedBy(service));
        if (missing > 0) faults.push(`${missing} timers were not stored of batches of ${size} that were answered`);
        figures[figureOf(size)] = Math.round(perSecond * size);
      }
      return figures;
    },
  };
}
