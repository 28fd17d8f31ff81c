import { describe, it } from 'node:test';
import fc from 'fast-check';
import { everyEngine } from '../every-engine.ts';
import { Arena } from './arena.ts';
import { races, runRace } from './race.ts';

/**
 * How often each engine is tried; RACE_RUNS=10000 makes a night of it. A failure prints the seed and path with which fast-check replays
 * it; a database that is itself a party to the race may need some tries.
 */
const runs = Number(process.env.RACE_RUNS ?? 300);

describe('whatever clients do at once', { concurrency: true }, () => {
  for (const { name, openShared, unavailable } of everyEngine) {
    it(`${name} answers as if it were done one after another`, {
      skip: unavailable,
      timeout: 30_000 + runs * 500,
    }, async (t) => {
      const arena = new Arena(t, openShared);
      await fc.assert(
        fc.asyncProperty(races, fc.scheduler(), async (race, scheduler) => {
          await arena.use((scene) => runRace(race, scene, scheduler));
        }),
        { numRuns: runs },
      );
    });
  }
});
