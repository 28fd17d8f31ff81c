/** The database engines that run as a server of their own. MariaDB and MySQL are one engine to Punctual. */
export const serverEngines = ['postgres', 'mysql'] as const;

/** One of {@link serverEngines}. */
export type ServerEngine = (typeof serverEngines)[number];

/** A running private database server, on 127.0.0.1, with its data in a temporary folder. It dies with this process. */
export interface DatabaseServer {
  readonly engine: ServerEngine;
  /** Of its administrator, without a database for tests: `postgres://postgres@127.0.0.1:21234/postgres`. */
  readonly url: string;
  /** The same for its whole life. */
  readonly port: number;
  /** Of the server's main process; undefined while it does not run, and where it runs in Docker. */
  readonly pid: number | undefined;
  /** Undefined where the server runs in Docker. */
  readonly dataFolder: string | undefined;
  /**
   * Sends the signal to the main process and waits for its end, except for SIGSTOP and SIGCONT. PostgreSQL serves each client
   * from a process of its own, so that SIGSTOP keeps out new clients alone, SIGTERM waits until the last one has gone (SIGINT
   * does not), and after SIGKILL a statement that is running may still end.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again after its end, on the same port and data, and waits until it takes connections. */
  start(): Promise<void>;
  /** Ends it at once and removes its data. */
  stop(): Promise<void>;
}

/** How a private server differs from the usual, which is durable: an acknowledged commit has been synced to the disk. */
export interface ServerOptions {
  /** More server settings by their names, `{ 'work_mem': '8MB' }`; they win over the usual ones. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /**
   * Never syncs to the disk. A server whose data nobody reads after a crash need not pay for that: kill -9 loses nothing,
   * since the operating system lives on, but nothing that is measured on it means anything. Default false.
   */
  readonly unsynced?: boolean;
  /** Where its data shall be, rather than in the temporary folder. A server in Docker does not heed it. */
  readonly folder?: string;
}

/** An engine cannot be had on this machine; the message says what was tried. */
export class ServerUnavailable extends Error {
  override readonly name = 'ServerUnavailable';
  readonly engine: ServerEngine;

  constructor(engine: ServerEngine, reasons: readonly string[]) {
    super(reasons.join('; '));
    this.engine = engine;
  }
}
