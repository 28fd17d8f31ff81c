import { readFileSync } from 'node:fs';

/** What `spawn` takes to run a process as somebody else. */
export interface UserIds {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Who runs a database server: this process's own user, or when that is root, which PostgreSQL refuses outright and MariaDB
 * without `--user`, the first of `names` that this machine knows, at last `nobody`.
 */
export function ordinaryUser(...names: readonly string[]): UserIds {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of [...names, 'nobody']) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(`root must not run a database server, and /etc/passwd knows none of ${names.join(', ')}, nobody`);
}
