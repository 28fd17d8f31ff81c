import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A small process that outlives this one just long enough to clean up behind it, however this one ends. */
export interface Guard {
  /** Tells the guard a line that its script reads. */
  tell(line: string): void;
  /** Has the guard clean up now, and waits until it has. */
  release(): Promise<void>;
}

/**
 * Starts a shell script that reads lines until its input ends, then cleans up. The input ends when this process does, by
 * whatever cause: kill -9 and Ctrl-C leave no server behind, and no test process needs a signal handler that would change
 * how it ends itself.
 */
export function startGuard(script: string, ...args: readonly string[]): Guard {
  // In a session of its own, so that the terminal's Ctrl-C ends this process and not its guard.
  const child = spawn('/bin/sh', ['-c', script, 'guard', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  const ended = once(child, 'close').catch(() => undefined);
  const { stdin } = child;
  stdin.on('error', () => undefined);
  unref(child);
  return {
    tell: (line) => void stdin.write(`${line}\n`),
    release: async () => {
      child.ref();
      stdin.end();
      await ended;
    },
  };
}

function unref(child: ChildProcess): void {
  child.unref();
  const { stdin } = child;
  // At run time the pipe is a socket, which the types do not say.
  if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
}
