import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const debianPostgresFolder = '/usr/lib/postgresql';

/** The path of the first of these programs that this machine has, symbolic links resolved; undefined when it has none. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = programFolders();
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find(isProgram);
    if (found !== undefined) return realpathSync(found);
  }
  return undefined;
}

// Servers are often kept out of an ordinary user's PATH: Debian has PostgreSQL in a folder per version, MariaDB in /usr/sbin.
function programFolders(): string[] {
  const inPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...inPath, ...postgresFolders(), '/usr/local/sbin', '/usr/sbin', '/usr/libexec', '/opt/homebrew/bin'];
}

function postgresFolders(): string[] {
  try {
    const versions = readdirSync(debianPostgresFolder).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(debianPostgresFolder, version, 'bin'));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
