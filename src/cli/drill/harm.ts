import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../clock/clock.ts';

export interface Harm {
  readonly kill: readonly number[];
  readonly command: string | undefined;
}

/** What was done. Instants are milliseconds since the epoch by the drill's clock. */
export interface HarmDone {
  readonly from: number;
  readonly until: number;
  readonly killed: readonly number[];
  /** Processes that had ended before. */
  readonly gone: readonly number[];
  readonly command: CommandDone | undefined;
}

export interface CommandDone {
  /** Null where a signal ended it, or where it is still running. */
  readonly exitCode: number | null;
  readonly isRunning: boolean;
  /** The end of what it wrote. */
  readonly output: string;
}

const outputCharsMax = 2_000;

/** Kills, then runs the command and waits for its end, or until `signal` says that this takes too long. */
export async function doHarm({ kill, command }: Harm, clock: Clock, signal: AbortSignal): Promise<HarmDone> {
  const from = clock.now();
  const killed = kill.filter(killNow);
  const gone = kill.filter((pid) => !killed.includes(pid));
  const ran = command === undefined ? undefined : await runCommand(command, signal);
  return { from, until: clock.now(), killed, gone, command: ran };
}

function killNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/**
 * Its output goes to a file, and it is in a process group of its own: what it starts in the background, such as the service anew, lives on
 * when the drill has ended, with no broken pipe and no Ctrl-C of ours.
 */
async function runCommand(command: string, signal: AbortSignal): Promise<CommandDone> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-drill-'));
  const path = join(folder, 'output');
  const file = await open(path, 'w');
  try {
    const child = spawn(command, { shell: true, detached: true, stdio: ['ignore', file.fd, file.fd] });
    child.unref();
    await once(child, 'exit', { signal }).catch(() => undefined);
    const { exitCode, signalCode } = child;
    const output = (await readFile(path, 'utf8')).trim().slice(-outputCharsMax);
    return { exitCode, isRunning: exitCode === null && signalCode === null, output };
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
}
