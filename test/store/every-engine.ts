import { MemoryStore } from '../../src/store/memory.ts';
import { type OpenStore, t0 } from './conformance.ts';
import { unavailable as mysqlUnavailable, openStore as openMysql } from './mysql/scratch.ts';
import { openStore as openPostgres, unavailable as postgresUnavailable } from './postgres/scratch.ts';
import { openStore as openSqlite } from './sqlite/scratch.ts';

/** An engine that keeps all timers in one place, for tests that all of them must pass. */
export interface Engine {
  readonly name: string;
  readonly open: OpenStore;
  /** Why it cannot be had here; false when it can. */
  readonly unavailable: string | false;
}

export const everyEngine: readonly Engine[] = [
  {
    name: 'MemoryStore',
    open: async (_context, options) => new MemoryStore({ time: () => t0, ...options }),
    unavailable: false,
  },
  { name: 'SqliteStore', open: openSqlite, unavailable: false },
  { name: 'PostgresStore', open: openPostgres, unavailable: postgresUnavailable },
  { name: 'MysqlStore', open: openMysql, unavailable: mysqlUnavailable },
];
