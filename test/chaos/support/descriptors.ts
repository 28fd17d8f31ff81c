import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { findProgram } from '../../support/servers/find-program.ts';

const run = promisify(execFile);

/** Why no running process can be kept from opening files here; undefined where it can. */
export const noDescriptorLimits =
  process.platform === 'linux' && findProgram('prlimit') !== undefined ? undefined : 'prlimit is not on this machine';

/** Lets the process have only so many connections, on top of its other files; gives how to undo that. Those that it has stay. */
export async function limitDescriptors(pid: number, connections: number): Promise<() => Promise<void>> {
  const before = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1];
  if (before === undefined) throw new Error(`/proc/${pid}/limits does not say how many files may be open`);
  const others = readdirSync(`/proc/${pid}/fd`).filter((name) => !isSocket(`/proc/${pid}/fd/${name}`)).length;
  await setSoftLimit(pid, others + connections);
  return () => setSoftLimit(pid, Number(before));
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    // It has just been closed, as connections are.
    return true;
  }
}

async function setSoftLimit(pid: number, files: number): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
}
