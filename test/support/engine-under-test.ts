import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { SystemClock } from '../../src/clock/system-clock.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { MysqlStore } from '../../src/store/mysql/store.ts';
import { PostgresStore } from '../../src/store/postgres/store.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { wrapStore } from '../../src/store/wrap.ts';
import type { FakeClock } from './fake-clock.ts';
import { seededRandom } from './seeded-random.ts';
import { freshDatabase } from './servers/databases.ts';

/** A store that can be emptied, for one test after another: making a database takes longer than most tests. */
interface Reusable {
  readonly store: Store;
  readonly empty: () => Promise<void>;
}

const idle: Reusable[] = [];
const closes: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of closes) await close();
});

/** An empty store of the engine that the variable TEST_ENGINE names (sqlite, postgres, mysql); without it, one in memory at the clock's time. */
export async function storeUnderTest(clock: FakeClock): Promise<Store> {
  const engine = process.env.TEST_ENGINE;
  if (!engine) return new MemoryStore({ time: () => clock.now() });
  const reusable = idle.pop() ?? (await openers[engine as keyof typeof openers]());
  await reusable.empty();
  const store = wrapStore(
    () => reusable.store,
    (_verb, call) => call,
  );
  return { ...store, close: async () => void idle.push(reusable) };
}

const tables = ['timers', 'history', 'keys', 'ledger', 'controllers'];
const openers = { sqlite: openSqlite, postgres: openPostgres, mysql: openMysql };

/** A file is made faster than it is emptied. */
async function openSqlite(): Promise<Reusable> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-api-'));
  let store = await SqliteStore.open({ path: join(folder, '0.db') });
  let number = 0;
  const empty = async () => {
    await store.close();
    number++;
    store = await SqliteStore.open({ path: join(folder, `${number}.db`) });
  };
  closes.push(() => store.close().then(() => rm(folder, { recursive: true })));
  return {
    get store() {
      return store;
    },
    empty,
  };
}

async function openPostgres(): Promise<Reusable> {
  const url = await freshDatabase('postgres', { after });
  const store = await PostgresStore.open({ url, clock: new SystemClock(), random: seededRandom(1) });
  const admin = new pg.Client({ connectionString: url });
  // Its database may be dropped under it when all tests have ended.
  admin.on('error', () => undefined);
  await admin.connect();
  closes.push(() => Promise.all([store.close(), admin.end()]));
  return { store, empty: async () => void (await admin.query(`TRUNCATE ${tables.join(', ')}`)) };
}

async function openMysql(): Promise<Reusable> {
  const url = await freshDatabase('mysql', { after });
  const store = await MysqlStore.open({ url, clock: new SystemClock(), random: seededRandom(1) });
  const admin = await createConnection(url);
  admin.on('error', () => undefined);
  closes.push(() => Promise.all([store.close(), admin.end()]));
  const empty = async () => {
    for (const table of tables) await admin.query(`DELETE FROM \`${table}\``);
  };
  return { store, empty };
}
