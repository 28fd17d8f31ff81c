import { SystemClock } from '../../../src/clock/system-clock.ts';
import { MysqlStore, type MysqlStoreOptions } from '../../../src/store/mysql/store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import type { TestContext } from '../conformance.ts';

/** What every store of these tests is opened with. */
export const parts = { clock: new SystemClock(), random: seededRandom(1) };

/** A new database, or the one at `url`; closed when the test ends. */
export async function openStore(context: TestContext, options: Partial<MysqlStoreOptions> = {}): Promise<MysqlStore> {
  let store: MysqlStore | undefined;
  context.after(() => store?.close());
  const url = options.url ?? (await freshDatabase('mysql', context));
  store = await MysqlStore.open({ ...parts, ...options, url });
  return store;
}
