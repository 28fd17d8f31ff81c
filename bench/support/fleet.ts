import type { FleetPlan } from '../../test/support/fleet-plan.ts';
import { ProcessFleet } from '../../test/support/process-fleet.ts';
import type { DatabaseServer, ServerEngine } from '../../test/support/servers/database-server.ts';
import { startMysql } from '../../test/support/servers/mysql-server.ts';
import { startPostgres } from '../../test/support/servers/postgres-server.ts';

const gib = 2 ** 30;

/**
 * PostgreSQL as it comes: what its small cache does not hold is in the operating system's. InnoDB goes past that one, so that it reads the
 * disk for most inserts once the index by time has outgrown its default pool of 128 MiB; a pool that holds it is what its makers advise.
 */
const starters = {
  postgres: startPostgres,
  mysql: () => startMysql({ settings: { 'innodb-buffer-pool-size': 2 * gib, 'innodb-log-file-size': gib } }),
};

/** A private database server that syncs every commit, and the database on it that Punctual will make. */
export interface BenchDatabase {
  readonly server: DatabaseServer;
  readonly url: string;
}

/** Runs `work` with an empty database; it is gone afterwards. */
export async function withDatabase<T>(engine: ServerEngine, work: (database: BenchDatabase) => Promise<T>): Promise<T> {
  const server = await starters[engine]();
  try {
    return await work({ server, url: new URL('/punctual_bench', server.url).href });
  } finally {
    await server.stop();
  }
}

/** Runs `work` with processes of Punctual on the database; they have ended afterwards. */
export async function withFleet<T>(
  { url, plan }: { readonly url: string; readonly plan: FleetPlan },
  work: (fleet: ProcessFleet) => Promise<T>,
): Promise<T> {
  const fleet = await ProcessFleet.start({ database: { databaseUrl: url }, plan });
  try {
    return await work(fleet);
  } catch (error) {
    throw new Error(`the bench broke off; the processes wrote:\n${fleet.output()}`, { cause: error });
  } finally {
    await fleet.end();
  }
}
