import { type ExecFileOptions, execFile } from 'node:child_process';
import { chown, mkdtemp, realpath, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerEngine } from './database-server.ts';
import type { UserIds } from './ordinary-user.ts';

const runMsMax = 2 * 60_000;
const outputCharsMax = 1_500;
const memoryFolder = '/dev/shm';
const memoryBytesMin = 2 * 1024 ** 3;

/** A new server's own folder, which belongs to the user that runs it. */
export interface ServerFolder {
  readonly path: string;
  /** Of the server's data; not there before the engine makes it. */
  readonly data: string;
  /** How to run a program in it as that user. */
  readonly spawnOptions: UserIds & { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
}

/** Makes the folder in `parent`, or else in memory where there is room and the server never syncs, since nobody expects its data to last. */
export async function makeServerFolder(
  engine: ServerEngine,
  user: UserIds,
  { unsynced, parent: given }: { readonly unsynced: boolean; readonly parent: string | undefined },
): Promise<ServerFolder> {
  // Where the temporary folder is a symbolic link, a server gives the link's target as its data folder.
  const parent = await realpath(given ?? (unsynced ? await unsyncedParent() : tmpdir()));
  const path = await mkdtemp(join(parent, `punctual-${engine}-`));
  if (user.uid !== undefined && user.gid !== undefined) await chown(path, user.uid, user.gid);
  return { path, data: join(path, 'data'), spawnOptions: { ...user, cwd: path, env: serverEnv(path) } };
}

// Making a database costs PostgreSQL some 300 files: measured, 14 ms in memory and up to 300 ms on a virtual machine's disk.
async function unsyncedParent(): Promise<string> {
  const space = await statfs(memoryFolder).catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize >= memoryBytesMin ? memoryFolder : tmpdir();
}

// A server gets nothing of this process's environment, in which PGDATA, PGPORT or MYSQL_HOME may point at somebody's real one.
function serverEnv(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LC_ALL: 'C' };
}

/** Runs a program in the folder, as its user, to the end. Rejects with what it said when it fails. */
export async function runIn(folder: ServerFolder, program: string, args: readonly string[]): Promise<void> {
  const options: ExecFileOptions = { ...folder.spawnOptions, timeout: runMsMax };
  try {
    await promisify(execFile)(program, args, options);
  } catch (error) {
    // mariadb-install-db says on stdout what went wrong, which execFile leaves out of its message.
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-outputCharsMax) : '';
    throw new Error(`${error}${output}`, { cause: error });
  }
}
