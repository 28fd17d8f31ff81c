import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cleanup, engines, freshDatabase } from './servers/databases.ts';
import type { Database } from './service.ts';

/** A kind of database that a service can run on. */
export interface Deployment {
  readonly name: string;
  /** Whether several processes can share one. */
  readonly isServer: boolean;
  /** Why it cannot be had here; false when it can. */
  readonly unavailable: string | false;
  /** An empty database, which is gone after the test. */
  readonly database: (cleanup: Cleanup) => Promise<Database>;
}

/** Every kind of database: what users can run on, tests must. */
export async function deployments(): Promise<Deployment[]> {
  const servers = await engines();
  return [
    { name: 'SQLite', isServer: false, unavailable: false, database: file },
    ...servers.map(({ engine, unavailable }) => ({
      name: engine === 'postgres' ? 'PostgreSQL' : 'MySQL',
      isServer: true,
      unavailable,
      database: async (cleanup: Cleanup) => ({ databaseUrl: await freshDatabase(engine, cleanup) }),
    })),
  ];
}

async function file(cleanup: Cleanup): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-file-'));
  cleanup.after(() => rm(folder, { recursive: true, force: true }));
  return { databasePath: join(folder, 'punctual.db') };
}
