import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { freshDatabase } from '../support/servers/databases.ts';
import { type OpenStore, type TestContext, t0 } from './conformance.ts';
import { unavailable as mysqlUnavailable, openStore as openMysql } from './mysql/scratch.ts';
import { openStore as openPostgres, unavailable as postgresUnavailable } from './postgres/scratch.ts';
import { openStore as openSqlite } from './sqlite/scratch.ts';

/** An engine that keeps all timers in one place, for tests that all of them must pass. */
export interface Engine {
  readonly name: string;
  readonly open: OpenStore;
  /** Opens an empty database once for each of several processes, or once alone where the engine lets in no more. */
  readonly openShared: (context: TestContext) => Promise<Store[]>;
  /** Why it cannot be had here; false when it can. */
  readonly unavailable: string | false;
}

const openMemory: OpenStore = async (_context, options) => new MemoryStore({ time: () => t0, ...options });

export const everyEngine: readonly Engine[] = [
  { name: 'MemoryStore', open: openMemory, openShared: async (t) => [await openMemory(t)], unavailable: false },
  { name: 'SqliteStore', open: openSqlite, openShared: async (t) => [await openSqlite(t)], unavailable: false },
  {
    name: 'PostgresStore',
    open: openPostgres,
    openShared: async (t) => {
      const url = await freshDatabase('postgres', t);
      return [await openPostgres(t, { url }), await openPostgres(t, { url })];
    },
    unavailable: postgresUnavailable,
  },
  {
    name: 'MysqlStore',
    open: openMysql,
    openShared: async (t) => {
      const url = await freshDatabase('mysql', t);
      return [await openMysql(t, { url }), await openMysql(t, { url })];
    },
    unavailable: mysqlUnavailable,
  },
];
