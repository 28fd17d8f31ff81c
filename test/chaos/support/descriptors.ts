import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { findProgram } from '../../support/servers/find-program.ts';

const run = promisify(execFile);

/** Why no running process can be kept from opening files here; undefined where it can. */
export const noDescriptorLimits =
  process.platform === 'linux' && findProgram('prlimit') !== undefined ? undefined : 'prlimit is not on this machine';

/** Lets the process open only so many files and connections more than it has open; gives how to undo that. */
export async function limitDescriptors(pid: number, more: number): Promise<() => Promise<void>> {
  const before = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1];
  if (before === undefined) throw new Error(`/proc/${pid}/limits does not say how many files may be open`);
  const open = readdirSync(`/proc/${pid}/fd`).length;
  await setSoftLimit(pid, open + more);
  return () => setSoftLimit(pid, Number(before));
}

async function setSoftLimit(pid: number, files: number): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
}
