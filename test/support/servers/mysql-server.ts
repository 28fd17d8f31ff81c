import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { DatabaseServer, ServerOptions } from './database-server.ts';
import { ServerUnavailable } from './database-server.ts';
import { findProgram } from './find-program.ts';
import { type LocalEngine, type ServerFolder, startLocally } from './local-server.ts';
import { ordinaryUser } from './ordinary-user.ts';

const connectMsMax = 5_000;

// What the server does by itself, said anyway: chaos and benches stand on it.
const durable = { 'innodb-flush-log-at-trx-commit': 1, 'loose-innodb-doublewrite': 'ON', 'loose-sync-binlog': 1 };
// Still writes the log at every commit, so that Punctual's check of the server's durability finds nothing to warn of.
const unsynced = { 'innodb-flush-method': 'nosync', 'loose-innodb-doublewrite': 'OFF', 'loose-sync-binlog': 0 };

// Without names resolved, 127.0.0.1 is another host than `localhost`, the only one that a new server lets root in from.
const rootOverTcp = `
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
`;

/** Starts a private MariaDB or MySQL server. Rejects with {@link ServerUnavailable} where there is none to be had. */
export async function startMysql(options: ServerOptions = {}): Promise<DatabaseServer> {
  const program = findProgram('mariadbd', 'mysqld');
  if (program === undefined) throw new ServerUnavailable('mysql', ['no program `mariadbd` or `mysqld`']);
  return startLocally(await mysqlOf(program, options));
}

async function mysqlOf(program: string, options: ServerOptions): Promise<LocalEngine> {
  const { stdout: version } = await promisify(execFile)(program, ['--no-defaults', '--version']);
  const create = version.includes('MariaDB') ? createMariadb : createMysql;
  return {
    engine: 'mysql',
    user: ordinaryUser('mysql'),
    endSignal: 'KILL',
    create: async (folder) => {
      await writeFile(initFile(folder), rootOverTcp);
      await create(folder, program);
    },
    command: (folder, port) => [program, ...mysqlArguments(folder, port, options)],
    url: (port) => `mysql://root@127.0.0.1:${port}/`,
    askDataFolder,
  };
}

const initFile = (folder: ServerFolder) => join(folder.path, 'init.sql');

async function createMariadb(folder: ServerFolder): Promise<void> {
  const program = findProgram('mariadb-install-db', 'mysql_install_db');
  if (program === undefined) throw new ServerUnavailable('mysql', ['no program `mariadb-install-db`']);
  const flags = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await folder.run(program, ...flags, `--datadir=${folder.data}`);
}

async function createMysql(folder: ServerFolder, program: string): Promise<void> {
  await folder.run(program, '--no-defaults', '--initialize-insecure', `--datadir=${folder.data}`);
}

// `loose-` passes over what only one of MariaDB and MySQL knows.
function mysqlArguments(folder: ServerFolder, port: number, options: ServerOptions): string[] {
  const settings = {
    datadir: folder.data,
    socket: join(folder.path, 'mysql.sock'),
    'pid-file': join(folder.path, 'mysql.pid'),
    'init-file': initFile(folder),
    'bind-address': '127.0.0.1',
    port,
    'skip-name-resolve': 'ON',
    'loose-mysqlx': 0,
    'max-connections': 300,
    ...durable,
    ...(options.unsynced && unsynced),
    ...options.settings,
  };
  return ['--no-defaults', ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)];
}

async function askDataFolder(url: string): Promise<string> {
  const connection = await createConnection({ uri: url, connectTimeout: connectMsMax });
  connection.on('error', () => undefined);
  try {
    const [rows] = await connection.query<(RowDataPacket & { folder: string })[]>('SELECT @@datadir AS folder');
    return rows[0]?.folder ?? '';
  } finally {
    connection.destroy();
  }
}
