import { after } from 'node:test';
import pg from 'pg';
import { SystemClock } from '../../../src/clock/system-clock.ts';
import { PostgresStore, type PostgresStoreOptions } from '../../../src/store/postgres/store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { adminUrl, freshDatabase } from '../../support/servers/databases.ts';
import type { TestContext } from '../conformance.ts';

/** Why there is no PostgreSQL server for tests; false where there is one. */
export const unavailable: string | false = await adminUrl('postgres').then(() => false as const, reasonOf);

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'ServerUnavailable') return error.message;
  throw error;
}

/** A new database, or the one at `url`; closed when the test ends. */
export async function openStore(
  context: TestContext,
  options: Partial<PostgresStoreOptions> = {},
): Promise<PostgresStore> {
  const url = options.url ?? (await freshDatabase('postgres', context));
  const store = await PostgresStore.open({ clock: new SystemClock(), random: seededRandom(1), ...options, url });
  context.after(() => store.close());
  return store;
}

/** A session of a test's own, beside those of the store; ended when the test ends. */
export async function connectTo(context: TestContext, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'test' });
  // Tests kill servers and sessions.
  client.on('error', () => undefined);
  await client.connect();
  context.after(() => client.end());
  return client;
}

/** For what the tests of a suite share: cleans up when the suite ends, in whose body this is to be called. */
export function suiteContext(): TestContext {
  const cleanups: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const clean of cleanups) await clean();
  });
  return { after: (clean) => void cleanups.push(clean) };
}
