import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ProcessGuard, startProcessGuard } from '../../test/support/process-guard.ts';

/** A program of the benches in a process of its own. */
export interface Program {
  /** Where it listens; empty for one that does not. */
  readonly url: string;
  readonly child: ChildProcess;
  /** Ends it, and waits until it has ended. */
  end(): Promise<void>;
}

/** How long a program may take until it is ready, and to end after SIGTERM, in milliseconds. */
const readyMsMax = 60_000;
const endMsMax = 30_000;

/**
 * Starts the script, named as from this folder's parent, and waits for its line `ready URL`. What it says beside goes to standard error. It
 * ends with this process at the latest.
 */
export async function startProgram(script: string, args: readonly string[] = []): Promise<Program> {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const guard = startProcessGuard();
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  if (child.pid !== undefined) guard.started(child.pid);
  child.once('exit', () => void guard.ended(child.pid!));
  const ended = exit.then(() => Promise.reject(new Error(`${script} ended before it was ready`)));
  ended.catch(() => undefined);
  const late = setTimeout(() => child.kill('SIGKILL'), readyMsMax);
  try {
    const url = await Promise.race([readyUrl(child), ended]);
    return { url, child, end: () => endProgram(child, { exit, guard }) };
  } finally {
    clearTimeout(late);
  }
}

async function endProgram(
  child: ChildProcess,
  { exit, guard }: { readonly exit: Promise<unknown>; readonly guard: ProcessGuard },
): Promise<void> {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), endMsMax);
  await exit;
  clearTimeout(late);
  await guard.release();
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const [, url] = /^ready ?(.*)$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
}
