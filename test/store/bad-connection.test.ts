import { SystemClock } from '../../src/clock/system-clock.ts';
import { storeConformance } from './conformance.ts';
import { everyEngine } from './every-engine.ts';
import { insistentStore } from './insistent-store.ts';

for (const { name, open, unavailable } of everyEngine) {
  storeConformance(
    `${name} over a bad connection, before a caller who insists,`,
    async (context, options) => insistentStore(await open(context, options), new SystemClock()),
    'one',
    unavailable,
  );
}
