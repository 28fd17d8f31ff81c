import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseServer, ServerEngine } from './database-server.ts';
import { freePort } from './free-port.ts';
import { type Guard, startGuard } from './guard.ts';
import type { UserIds } from './ordinary-user.ts';
import { makeServerFolder, type ServerFolder } from './server-folder.ts';
import { Hopeless, untilReady } from './until-ready.ts';

const portTriesMax = 3;
const logCharsMax = 1_500;

/** What an engine's own file says of its server programs. */
export interface LocalEngine {
  readonly engine: ServerEngine;
  readonly user: UserIds;
  /** Ends the server at once; its data is thrown away afterwards. */
  readonly endSignal: 'KILL' | 'QUIT';
  /** See {@link ServerOptions}. */
  readonly unsynced: boolean;
  /** See {@link ServerOptions}. */
  readonly folder: string | undefined;
  /** Makes the files of a new server in `folder.data`. */
  create(folder: ServerFolder): Promise<void>;
  /** The server's program and arguments. */
  command(folder: ServerFolder, port: number): readonly [string, ...string[]];
  url(port: number): string;
  /** Connects as the administrator and gives the data folder which that server says that it has. Rejects until it is ready. */
  askDataFolder(url: string): Promise<string>;
}

/** Makes a new server from this machine's programs, starts it on a free port, and waits until it takes connections. */
export async function startLocally(engine: LocalEngine): Promise<DatabaseServer> {
  const folder = await makeServerFolder(engine.engine, engine.user, {
    unsynced: engine.unsynced,
    parent: engine.folder,
  });
  const guard = startGuard(guardScript, folder.path, engine.endSignal);
  try {
    await engine.create(folder);
    return await startOnFreePort(engine, folder, guard);
  } catch (error) {
    await guard.release();
    throw error;
  }
}

async function startOnFreePort(engine: LocalEngine, folder: ServerFolder, guard: Guard): Promise<LocalServer> {
  for (let tries = 1; ; tries += 1) {
    const server = new LocalServer(engine, folder, guard, await freePort());
    try {
      await server.startFirst();
      return server;
    } catch (error) {
      // Somebody may have taken the port in the meantime: then the server ended by itself.
      const ended = error instanceof Error && error.cause instanceof Hopeless;
      if (!ended || tries === portTriesMax) throw error;
    }
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

  /** Starts a new server. Unlike a later start, which may have to wait for what is left of the last one, it is not repeated. */
  async startFirst(): Promise<void> {
    await this.#spawn();
    await this.#untilReady(() => {
      throw new Hopeless('it ended by itself');
    });
  }

  async start(): Promise<void> {
    await this.#untilReady(() => this.#spawn());
  }

  async #untilReady(whenEnded: () => Promise<void>): Promise<void> {
    const attempt = async () => {
      if (this.#child === undefined) await whenEnded();
      const dataFolder = await this.#parts.askDataFolder(this.url);
      if (join(dataFolder, '.') !== this.dataFolder) throw new Error(`on its port is a server of ${dataFolder}`);
    };
    try {
      await untilReady(attempt);
    } catch (error) {
      const log = await readFile(this.#logPath, 'utf8');
      throw new Error(`${this.engine} did not start; its log ends with:\n${log.slice(-logCharsMax)}`, { cause: error });
    }
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
    const options = { ...this.#folder.spawnOptions, detached: true };
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
}
