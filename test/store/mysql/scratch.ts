import { createConnection } from 'mysql2/promise';
import { SystemClock } from '../../../src/clock/system-clock.ts';
import { parseAddress } from '../../../src/store/mysql/address.ts';
import { type Row, Session } from '../../../src/store/mysql/session.ts';
import { MysqlStore, type MysqlStoreOptions } from '../../../src/store/mysql/store.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { adminUrl, freshDatabase } from '../../support/servers/databases.ts';
import type { TestContext } from '../conformance.ts';

/** Why there is no MySQL or MariaDB server for tests; false where there is one. */
export const unavailable: string | false = await adminUrl('mysql').then(() => false as const, reasonOf);

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'ServerUnavailable') return error.message;
  throw error;
}

/** What every store of these tests is opened with. */
export const parts = { clock: new SystemClock(), random: seededRandom(1) };

/** A new database, or the one at `url`; closed when the test ends. */
export async function openStore(context: TestContext, options: Partial<MysqlStoreOptions> = {}): Promise<MysqlStore> {
  const url = options.url ?? (await freshDatabase('mysql', context));
  const store = await MysqlStore.open({ ...parts, ...options, url });
  context.after(() => store.close());
  return store;
}

/** Runs statements one after another, in one session. */
export type Ask = (...statements: string[]) => Promise<readonly Row[]>;

/** A session of a test's own, beside those of the store, as they are; ended when the test ends. Gives the last statement's rows. */
export async function connectTo(context: TestContext, url: string): Promise<Ask> {
  const { server, name } = parseAddress(url);
  const connection = await createConnection({ ...server, database: name, multipleStatements: true });
  // Tests kill servers and sessions.
  connection.on('error', () => undefined);
  context.after(() => connection.destroy());
  const session = new Session(connection, { clock: parts.clock, answerMsMax: 30_000 });
  await session.prepare({ writes: true });
  return async (...statements) => (await session.send(statements)).at(-1)!.rows;
}
