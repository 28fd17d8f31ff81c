import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DatabaseServer, ServerEngine } from './database-server.ts';
import { freePort } from './free-port.ts';
import { type Guard, startGuard } from './guard.ts';
import type { UserIds } from './ordinary-user.ts';

const readyMsMax = 60_000;
const pollMs = 25;
const logCharsMax = 4_000;

/** What an engine's own file says of its server programs. */
export interface LocalEngine {
  readonly engine: ServerEngine;
  readonly user: UserIds;
  /** Ends the server at once; its data is thrown away afterwards. */
  readonly endSignal: 'KILL' | 'QUIT';
  /** Makes the files of a new server in `folder/data`. */
  create(folder: ServerFolder): Promise<void>;
  /** The server's program and arguments. */
  command(folder: ServerFolder, port: number): readonly [string, ...string[]];
  url(port: number): string;
  /** Connects as the administrator and gives the data folder which that server says that it has. Rejects until it is ready. */
  askDataFolder(url: string): Promise<string>;
}

/** A new server's own folder, which belongs to the user that runs it. */
export interface ServerFolder {
  readonly path: string;
  readonly data: string;
  /** Runs a program in it as the server's user; rejects with its output when it fails. */
  run(program: string, ...args: readonly string[]): Promise<void>;
}

/** Makes a new server from this machine's programs, starts it on a free port, and waits until it takes connections. */
export async function startLocally(engine: LocalEngine): Promise<DatabaseServer> {
  const path = await mkdtemp(join(tmpdir(), `punctual-${engine.engine}-`));
  const guard = startGuard(guardScript, path, engine.endSignal);
  try {
    const folder = await openFolder(engine, path);
    await engine.create(folder);
    const server = new LocalServer(engine, folder, guard, await freePort());
    await server.start();
    return server;
  } catch (error) {
    await guard.release();
    throw error;
  }
}

// Reads the pid of each start, and 0 after each end so that no stranger is killed who got the same pid later. Where the
// container's first process buries nobody, a server that has ended stays behind as a zombie, which is as good as gone.
const guardScript = `
  server=0
  while read -r pid; do server=$pid; done
  if [ "$server" -gt 0 ]; then
    kill -s "$2" "$server"
    for _ in $(seq 100); do
      if ! kill -0 "$server" || grep -qs ') Z ' "/proc/$server/stat"; then break; fi
      sleep 0.05
    done
  fi
  rm -rf "$1"
`;

async function openFolder(engine: LocalEngine, path: string): Promise<ServerFolder> {
  const { uid, gid } = engine.user;
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
  const options = { ...engine.user, cwd: path, env: serverEnv(path) };
  return {
    path,
    data: join(path, 'data'),
    run: async (program, ...args) => void (await promisify(execFile)(program, args, options)),
  };
}

// A server gets nothing of this process's environment, in which PGDATA, PGPORT or MYSQL_HOME may point at somebody's real one.
function serverEnv(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LC_ALL: 'C' };
}

class LocalServer implements DatabaseServer {
  readonly engine: ServerEngine;
  readonly port: number;
  readonly url: string;
  readonly dataFolder: string;
  readonly #parts: LocalEngine;
  readonly #folder: ServerFolder;
  readonly #guard: Guard;
  #child: ChildProcess | undefined;

  constructor(parts: LocalEngine, folder: ServerFolder, guard: Guard, port: number) {
    this.engine = parts.engine;
    this.port = port;
    this.url = parts.url(port);
    this.dataFolder = folder.data;
    this.#parts = parts;
    this.#folder = folder;
    this.#guard = guard;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const deadline = performance.now() + readyMsMax;
    let problem: unknown = 'it was not started';
    while (performance.now() < deadline) {
      if (this.#child === undefined) await this.#spawn();
      try {
        const dataFolder = await this.#parts.askDataFolder(this.url);
        if (join(dataFolder, '.') === this.dataFolder) return;
        problem = `port ${this.port} belongs to a server with its data in ${dataFolder}`;
      } catch (error) {
        problem = error;
      }
      await sleep(pollMs);
    }
    throw new Error(`${this.engine} was not ready in ${readyMsMax} ms: ${problem}\n${await this.#log()}`);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const ended = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') child.unref();
    else await ended;
  }

  async stop(): Promise<void> {
    this.#child?.ref();
    const ended = this.#child && once(this.#child, 'exit');
    await this.#guard.release();
    await ended;
  }

  async #spawn(): Promise<void> {
    const [program, ...args] = this.#parts.command(this.#folder, this.port);
    const log = await open(this.#logPath, 'a');
    // In a session of its own: the terminal's Ctrl-C must not end the server under the tests that still use it.
    const options = { ...this.#parts.user, cwd: this.#folder.path, env: serverEnv(this.#folder.path), detached: true };
    const child = spawn(program, args, { ...options, stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
    await log.close();
    this.#child = child;
    this.#guard.tell(String(child.pid));
    child.once('exit', () => {
      this.#child = undefined;
      this.#guard.tell('0');
    });
    child.unref();
  }

  get #logPath(): string {
    return join(this.#folder.path, 'server.log');
  }

  async #log(): Promise<string> {
    return (await readFile(this.#logPath, 'utf8')).slice(-logCharsMax);
  }
}
