import { SystemClock } from '../../src/clock/system-clock.ts';
import { PostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { engines, freshDatabase } from '../support/servers/databases.ts';
import { storeConformance, type TestContext } from './conformance.ts';
import { storeModel } from './model.ts';

const unavailable = (await engines()).find(({ engine }) => engine === 'postgres')!.unavailable;

async function openStore(context: TestContext, options: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> {
  let store: PostgresStore | undefined;
  context.after(() => store?.close());
  const url = options.url ?? (await freshDatabase('postgres', context));
  store = await PostgresStore.open({ clock: new SystemClock(), random: seededRandom(1), ...options, url });
  return store;
}

storeConformance('PostgresStore', openStore, 'one', unavailable);
if (!unavailable) storeModel('PostgresStore', openStore);
storeConformance(
  'PostgresStore with four buckets',
  (context, options) => openStore(context, { ...options, buckets: 4 }),
  'several',
  unavailable,
);
