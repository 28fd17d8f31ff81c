import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { DatabaseServer, ServerOptions } from './database-server.ts';
import { findProgram } from './find-program.ts';
import type { LocalEngine } from './local-server.ts';
import { ordinaryUser } from './ordinary-user.ts';
import { runIn, type ServerFolder } from './server-folder.ts';
import { startServer } from './start-server.ts';

const connectMsMax = 5_000;
const image = 'mariadb:11.4';

// What the server does by itself, said anyway: chaos and benches stand on it. `loose-` passes over what only one of MariaDB
// and MySQL knows.
const durable = { 'innodb-flush-log-at-trx-commit': 1, 'innodb-doublewrite': 'ON', 'loose-sync-binlog': 1 };
// Still writes the log at every commit, so that Punctual's check of the server's durability finds nothing to warn of.
const unsynced = { 'innodb-flush-method': 'nosync', 'innodb-doublewrite': 'OFF', 'loose-sync-binlog': 0 };

// Without names resolved, 127.0.0.1 is another host than `localhost`, the only one that a new server lets root in from.
const rootOverTcp = `
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
`;

/** Starts a private MariaDB or MySQL server. Rejects with `ServerUnavailable` where there is none to be had. */
export function startMysql(options: ServerOptions = {}): Promise<DatabaseServer> {
  const settings = mysqlSettings(options);
  return startServer({
    engine: 'mysql',
    programs: ['mariadbd', 'mysqld'],
    debianPackage: 'mariadb-server',
    local: (program) => localMysql(program, settings, options),
    docker: {
      engine: 'mysql',
      image,
      environment: ['MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1'],
      port: 3306,
      arguments: settings,
      url: urlOf,
      ask: askDataFolder,
    },
  });
}

const urlOf = (port: number) => `mysql://root@127.0.0.1:${port}/`;

async function localMysql(
  program: string,
  settings: readonly string[],
  { unsynced = false, folder }: ServerOptions,
): Promise<LocalEngine> {
  const { stdout: version } = await promisify(execFile)(program, ['--no-defaults', '--version']);
  const create = version.includes('MariaDB') ? createMariadb : createMysql;
  return {
    engine: 'mysql',
    user: ordinaryUser('mysql'),
    endSignal: 'KILL',
    unsynced,
    folder,
    create: async (made) => {
      await writeFile(initFile(made), rootOverTcp);
      await create(made, program);
    },
    command: (made, port) => [program, '--no-defaults', ...placeArguments(made, port), ...settings],
    url: urlOf,
    askDataFolder,
  };
}

const initFile = (folder: ServerFolder) => join(folder.path, 'init.sql');

async function createMariadb(folder: ServerFolder, program: string): Promise<void> {
  const names = ['mariadb-install-db', 'mysql_install_db'];
  const script = findProgram(...names);
  if (script === undefined) throw new Error(`there is ${program}, but not ${names.join(' or ')}, which comes with it`);
  const flags = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await runIn(folder, script, [...flags, `--datadir=${folder.data}`]);
}

async function createMysql(folder: ServerFolder, program: string): Promise<void> {
  await runIn(folder, program, ['--no-defaults', '--initialize-insecure', `--datadir=${folder.data}`]);
}

function placeArguments(folder: ServerFolder, port: number): string[] {
  return [
    `--datadir=${folder.data}`,
    `--socket=${join(folder.path, 'mysql.sock')}`,
    `--pid-file=${join(folder.path, 'mysql.pid')}`,
    `--init-file=${initFile(folder)}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
  ];
}

function mysqlSettings(options: ServerOptions): string[] {
  const base = { 'skip-name-resolve': 'ON', 'loose-mysqlx': 0, 'max-connections': 300 };
  const settings = { ...base, ...durable, ...(options.unsynced && unsynced), ...options.settings };
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
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
