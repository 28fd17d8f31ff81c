import type { DatabaseServer, ServerEngine } from './database-server.ts';
import { startMysql } from './mysql-server.ts';
import { startPostgres } from './postgres-server.ts';

/** The environment variable with the administrator's URL of the server that the tests share, for each engine. */
export const urlVariable = { postgres: 'TEST_POSTGRES_URL', mysql: 'TEST_MYSQL_URL' } as const;

/** The variable by which the test run tells its test files why an engine cannot be had, so that not each of them tries again. */
export const unavailableVariable = { postgres: 'TEST_POSTGRES_UNAVAILABLE', mysql: 'TEST_MYSQL_UNAVAILABLE' } as const;

const starters = { postgres: startPostgres, mysql: startMysql };

/** Starts a server for tests to share. Nobody reads its data after a crash and nothing is measured on it, so it never syncs. */
export function startTestServer(engine: ServerEngine): Promise<DatabaseServer> {
  return starters[engine]({ unsynced: true });
}
