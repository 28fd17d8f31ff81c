import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from '../../test/support/servers/find-program.ts';
import { freePort } from '../../test/support/servers/free-port.ts';
import { type Guard, startGuard } from '../../test/support/servers/guard.ts';

/** A running private Redis server, on 127.0.0.1, with its data in a temporary folder. It dies with this process. */
export interface RedisServer {
  /** `redis://127.0.0.1:21234` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it at once, and removes its data. */
  stop(): Promise<void>;
}

const logCharsMax = 1_500;

// Reads the pid, and 0 after the server's own end so that no stranger is killed who got the same pid later.
const guardScript = `
  server=0
  while read -r pid; do server=$pid; done
  if [ "$server" -gt 0 ]; then
    kill -9 "$server"
    while kill -0 "$server" && ! grep -qs ') Z ' "/proc/$server/stat"; do sleep 0.02; done
  fi
  rm -rf "$1"
`;

/** Starts one that is durable: each write has been synced to the disk before it is answered. Throws where there is no program for it. */
export async function startRedis(): Promise<RedisServer> {
  const program = findProgram('redis-server');
  if (!program) throw new Error('redis-server is missing: install it (Debian: apt-get install redis-server)');
  const folder = await mkdtemp(join(tmpdir(), 'punctual-redis-'));
  const guard = startGuard(guardScript, folder);
  const port = await freePort();
  const child = spawn(program, settings(folder, port), {
    // Debian has one program under several names, and which it is it tells by the name that it is called by.
    argv0: 'redis-server',
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child, 'spawn');
    guard.tell(String(child.pid));
    child.once('exit', () => guard.tell('0'));
    await untilReady(child);
  } catch (error) {
    await guard.release();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, port, pid: child.pid!, stop: () => stop(child, guard) };
}

function settings(folder: string, port: number): string[] {
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  // A queue must not lose keys to a full memory; BullMQ insists on it (https://docs.bullmq.io/guide/going-to-production).
  const memory = ['--maxmemory-policy', 'noeviction'];
  return ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, ...persistence, ...memory];
}

/** Redis says on standard output when it is ready, and why when it ends instead. */
async function untilReady(child: ChildProcess): Promise<void> {
  const log: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (/ready to accept connections/i.test(line)) resolve();
      else if (log.join().length < logCharsMax) log.push(line);
    });
  });
  const ended = once(lines, 'close').then(() => {
    throw new Error(`redis-server did not start:\n${log.join('\n')}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ready, ended]);
}

async function stop(child: ChildProcess, guard: Guard): Promise<void> {
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  await guard.release();
  await ended;
}
