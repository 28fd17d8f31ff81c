import { dirname, join } from 'node:path';
import pg from 'pg';
import type { DatabaseServer, ServerOptions } from './database-server.ts';
import type { LocalEngine } from './local-server.ts';
import { ordinaryUser } from './ordinary-user.ts';
import { runIn } from './server-folder.ts';
import { startServer } from './start-server.ts';

const connectMsMax = 5_000;
const image = 'postgres:17';

// What PostgreSQL does by itself, said anyway: chaos and benches stand on it.
const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };
const unsynced = { fsync: 'off', full_page_writes: 'off', max_wal_size: '256MB' };

/** Starts a private PostgreSQL server. Rejects with `ServerUnavailable` where there is none to be had. */
export function startPostgres(options: ServerOptions = {}): Promise<DatabaseServer> {
  const settings = postgresSettings(options);
  return startServer({
    engine: 'postgres',
    programs: ['postgres'],
    debianPackage: 'postgresql',
    local: (program) => localPostgres(program, settings, options),
    docker: {
      engine: 'postgres',
      image,
      environment: ['POSTGRES_HOST_AUTH_METHOD=trust', 'POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C'],
      port: 5432,
      arguments: settings,
      url: urlOf,
      ask: askDataFolder,
    },
  });
}

const urlOf = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`;

function localPostgres(program: string, settings: readonly string[], options: ServerOptions): LocalEngine {
  const { unsynced = false, folder } = options;
  const initdb = join(dirname(program), 'initdb');
  const flags = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-instructions'];
  if (unsynced) flags.push('--no-sync');
  return {
    engine: 'postgres',
    user: ordinaryUser('postgres'),
    // An immediate shutdown: kill -9 would leave a shared memory segment behind.
    endSignal: 'QUIT',
    unsynced,
    folder,
    create: (made) => runIn(made, initdb, [...flags, `--pgdata=${made.data}`]),
    command: ({ path, data }, port) => [
      program,
      ...['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', path, ...settings],
    ],
    url: urlOf,
    askDataFolder,
  };
}

function postgresSettings(options: ServerOptions): string[] {
  const settings = { max_connections: 300, ...durable, ...(options.unsynced && unsynced), ...options.settings };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
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
