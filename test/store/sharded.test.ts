import { MemoryStore } from '../../src/store/memory.ts';
import { ShardedStore } from '../../src/store/sharded/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { storeConformance, t0 } from './conformance.ts';

storeConformance(
  'ShardedStore',
  async (_context, options) => {
    const shards = [1, 2, 3].map(() => ({
      store: new MemoryStore({ time: () => t0, ...options }),
      draining: false,
    }));
    return new ShardedStore({ shards, clock: new FakeClock(t0), random: seededRandom(1) });
  },
  'several',
);
