import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { DatabaseServer, ServerEngine } from './database-server.ts';
import { freePort } from './free-port.ts';
import { startGuard } from './guard.ts';
import { untilReady } from './until-ready.ts';

const askMsMax = 10_000;
// The first run downloads the image.
const runMsMax = 10 * 60_000;

/** What an engine's own file says of its image. */
export interface DockerEngine {
  readonly engine: ServerEngine;
  readonly image: string;
  readonly environment: readonly string[];
  /** Where the server listens inside its container. */
  readonly port: number;
  /** Of the server's program, which the image starts. */
  readonly arguments: readonly string[];
  url(port: number): string;
  /** Connects as the administrator; rejects until the server is ready. */
  ask(url: string): Promise<unknown>;
}

/** Why Docker cannot be used; undefined when it can. */
export async function dockerProblem(): Promise<string | undefined> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}'], askMsMax);
    return undefined;
  } catch (error) {
    return `no Docker: ${firstLine(error)}`;
  }
}

/** Starts a new server in a container, on a free port of this machine, and waits until it takes connections. */
export async function startInDocker(engine: DockerEngine): Promise<DatabaseServer> {
  const name = `punctual-${engine.engine}-${randomBytes(6).toString('hex')}`;
  const guard = startGuard('cat >/dev/null; docker rm --force --volumes "$1"', name);
  const port = await freePort();
  const url = engine.url(port);
  const untilAnswers = () => untilReady(() => engine.ask(url));
  try {
    await docker(runArguments(engine, name, port), runMsMax);
    await untilAnswers();
  } catch (error) {
    await guard.release();
    throw error;
  }
  return {
    engine: engine.engine,
    url,
    port,
    pid: undefined,
    dataFolder: undefined,
    kill: async (signal) => {
      await docker(['kill', '--signal', signal, name], askMsMax);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await docker(['wait', name], askMsMax);
    },
    start: async () => {
      await docker(['start', name], askMsMax);
      await untilAnswers();
    },
    stop: () => guard.release(),
  };
}

function runArguments(engine: DockerEngine, name: string, port: number): string[] {
  const publish = `127.0.0.1:${port}:${engine.port}`;
  const environment = engine.environment.flatMap((variable) => ['--env', variable]);
  return ['run', '--detach', '--name', name, '--publish', publish, ...environment, engine.image, ...engine.arguments];
}

async function docker(args: readonly string[], timeout: number): Promise<void> {
  await promisify(execFile)('docker', args, { timeout });
}

function firstLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (stderr === '' ? String(error) : stderr).split('\n')[0] ?? '';
}
