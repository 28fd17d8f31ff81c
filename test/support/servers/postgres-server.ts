import { dirname, join } from 'node:path';
import pg from 'pg';
import type { DatabaseServer, ServerOptions } from './database-server.ts';
import { ServerUnavailable } from './database-server.ts';
import { findProgram } from './find-program.ts';
import { type LocalEngine, startLocally } from './local-server.ts';
import { ordinaryUser } from './ordinary-user.ts';

const connectMsMax = 5_000;

// What PostgreSQL does by itself, said anyway: chaos and benches stand on it.
const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };
const unsynced = { fsync: 'off', full_page_writes: 'off' };

/** Starts a private PostgreSQL server. Rejects with {@link ServerUnavailable} where there is none to be had. */
export async function startPostgres(options: ServerOptions = {}): Promise<DatabaseServer> {
  const program = findProgram('postgres');
  if (program === undefined) throw new ServerUnavailable('postgres', ['no program `postgres`']);
  return startLocally(postgresOf(program, options));
}

function postgresOf(program: string, options: ServerOptions): LocalEngine {
  const settings = postgresSettings(options);
  return {
    engine: 'postgres',
    user: ordinaryUser('postgres'),
    // An immediate shutdown: kill -9 would leave a shared memory segment behind.
    endSignal: 'QUIT',
    create: async (folder) => {
      const flags = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-instructions'];
      if (options.unsynced) flags.push('--no-sync');
      await folder.run(join(dirname(program), 'initdb'), ...flags, `--pgdata=${folder.data}`);
    },
    command: (folder, port) => [
      program,
      ...['-D', folder.data, '-h', '127.0.0.1', '-p', String(port), '-k', folder.path],
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    askDataFolder,
  };
}

function postgresSettings(options: ServerOptions): [string, string | number][] {
  const base = { ...durable, ...(options.unsynced && unsynced), max_connections: 300 };
  return Object.entries({ ...base, ...options.settings });
}

async function askDataFolder(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory ?? '';
  } finally {
    await client.end().catch(() => undefined);
  }
}
