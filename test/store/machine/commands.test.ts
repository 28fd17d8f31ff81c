import { describe, it } from 'node:test';
import fc from 'fast-check';
import { everyEngine } from '../every-engine.ts';
import { Arena } from './arena.ts';
import { beginnings, commandRuns, Known, type Met, readAll } from './commands.ts';

/** How often each engine is tried; MODEL_RUNS=1000 makes a night of it. A failure prints the seed and path with which fast-check replays it. */
const runs = Number(process.env.MODEL_RUNS ?? 250);

describe('whatever clients do one after another, and whatever goes wrong on the way', { concurrency: true }, () => {
  for (const { name, openShared, unavailable } of everyEngine) {
    it(`${name} has what its answers allow`, { skip: unavailable, timeout: 10_000 + runs * 2_000 }, async (t) => {
      const arena = new Arena(t, openShared);
      const met: Met = new Map();
      await fc.assert(
        fc.asyncProperty(beginnings, commandRuns, async (beginning, commands) => {
          await arena.use(async ({ stores, state }) => {
            const known = new Known(state);
            const real = { stores, met };
            await beginning.run(known, real);
            await fc.asyncModelRun(() => ({ model: known, real }), commands);
            await readAll(known, stores[0]!);
          });
        }),
        { numRuns: runs },
      );
      // Who runs it for long wants to know what it was about.
      if (process.env.MODEL_RUNS) t.diagnostic(inWords(met));
    });
  }
});

function inWords(met: Met): string {
  return [...met]
    .toSorted()
    .map(([what, times]) => `${what}: ${times}`)
    .join(', ');
}
