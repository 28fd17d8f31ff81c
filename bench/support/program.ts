import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A program of the benches in a process of its own. */
export interface Program {
  /** Where it listens; empty for one that does not. */
  readonly url: string;
  readonly child: ChildProcess;
  /** Ends it, and waits until it has ended. */
  end(): Promise<void>;
}

/** Starts the script, named as from this folder's parent, and waits for its line `ready URL`. What it says beside goes to standard error. */
export async function startProgram(script: string, args: readonly string[] = []): Promise<Program> {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const orphaned = () => child.kill('SIGKILL');
  process.once('exit', orphaned);
  const ended = exit.then(() => Promise.reject(new Error(`${script} ended before it was ready`)));
  const url = await Promise.race([readyUrl(child), ended]);
  ended.catch(() => undefined);
  return {
    url,
    child,
    async end() {
      child.kill('SIGTERM');
      await exit;
      process.off('exit', orphaned);
    },
  };
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const [, url] = /^ready ?(.*)$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
}
