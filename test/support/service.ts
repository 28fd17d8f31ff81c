import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const binPath = fileURLToPath(new URL('../../bin/punctual', import.meta.url));
const startMsMax = 30_000;

/** A Punctual in a process of its own. */
export interface Service {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything that it has written so far, both streams. */
  output(): string;
  /** Sends the signal and waits for the end; gives the exit code, null where the signal itself ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export type ServiceOptions = Database & {
  /** API and controller in one (`serve`, the default), or one of them alone. */
  readonly role?: 'serve' | 'api' | 'controller' | 'migrate';
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** More settings, by environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told of the process as soon as there is one. */
  readonly onSpawn?: (pid: number) => void;
};

/** A file, or what DATABASE_URL says. */
export type Database = { readonly databasePath: string } | { readonly databaseUrl: string };

/** Starts a Punctual and waits until it says that it is ready. Rejects with its output when it ends before that. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { child, output } = spawnService(options);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`punctual ended before it was ready:\n${output()}`);
  });
  ended.catch(() => undefined);
  const url = await Promise.race([readyUrl(child, output), ended]);
  return { url, child, output, end: (signal) => endChild(child, signal) };
}

/** Starts `punctual serve` and waits for its end: for what must not start. */
export async function serveUntilExit(
  options: ServiceOptions & { readonly args?: readonly string[] },
): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnService(options);
  const timeout = setTimeout(() => child.kill('SIGKILL'), startMsMax);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timeout);
  return { code, output: output() };
}

function spawnService(options: ServiceOptions & { readonly args?: readonly string[] }) {
  const { role = 'serve', port = 0, env = {}, args = [] } = options;
  const child = spawn(binPath, [role, ...args], {
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      DATABASE_URL: 'databaseUrl' in options ? options.databaseUrl : `sqlite:${options.databasePath}`,
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Where it could not be started there is none, and an `error` event says so.
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => chunks.push(chunk));
  return { child, output: () => chunks.join('') };
}

async function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  const late = setTimeout(() => child.kill('SIGKILL'), startMsMax);
  try {
    for (;;) {
      const url = /(?:API|Health, metrics) +(http[^\s]+?)(?:\/readyz)?\s/.exec(output())?.[1];
      if (url) return url;
      await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data')]);
    }
  } finally {
    clearTimeout(late);
  }
}

async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  child.kill(signal);
  return ((await exit) as [number | null])[0];
}

/** A port that nobody listened on a moment ago: for a service that must come back at the same place. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
