import { SystemClock } from '../../src/clock/system-clock.ts';
import { MysqlStore } from '../../src/store/mysql/store.ts';
import { PostgresStore } from '../../src/store/postgres/store.ts';
import { ShardedStore } from '../../src/store/sharded/store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { engines, freshDatabase } from '../support/servers/databases.ts';
import { storeConformance } from './conformance.ts';
import { openStore } from './sqlite/scratch.ts';

const servers = await engines();
const unavailable = servers.find((server) => server.unavailable)?.unavailable ?? false;

storeConformance(
  'ShardedStore over SQLite, PostgreSQL and MySQL',
  async (context, options) => {
    const parts = { clock: new SystemClock(), random: seededRandom(1), ...options };
    const [postgres, mysql] = [await freshDatabase('postgres', context), await freshDatabase('mysql', context)];
    const stores = [
      await openStore(context, options),
      await PostgresStore.open({ ...parts, url: postgres, shard: 1 }),
      await MysqlStore.open({ ...parts, url: mysql, shard: 2 }),
    ];
    const shards = stores.map((store) => ({ store, draining: false }));
    const sharded = new ShardedStore({ ...parts, shards });
    context.after(() => sharded.close());
    return sharded;
  },
  'several',
  unavailable,
);
