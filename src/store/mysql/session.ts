import type { Socket } from 'node:net';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import type { Timing } from '../timing.ts';

/** A row as an array of its columns. */
export type Row = readonly unknown[];

/** What a statement gave: rows, or how many rows it met. */
export interface Answer {
  readonly rows: readonly Row[];
  /** Rows that the statement matched, changed or not: mysql2 sets CLIENT_FOUND_ROWS. */
  readonly affected: number;
}

/** What every session runs with that a server or a my.cnf may have set otherwise. */
const everySession = [
  // No gap locks: a walk for what is due never keeps an insert waiting.
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET NAMES utf8mb4',
  // mysql2 writes values into the text, with backslashes (so no NO_BACKSLASH_ESCAPES, no ANSI_QUOTES). Strict: nothing is cut off in silence.
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, innodb_lock_wait_timeout = 5,
    lock_wait_timeout = 5, time_zone = '+00:00'`,
];

/**
 * What a session that writes has besides. When its client's machine is cut off, nobody else gets the rows that it has locked until the
 * server lets go of it: by default after eight hours.
 */
const writingSession = ['SET SESSION wait_timeout = 20, net_write_timeout = 10, net_read_timeout = 10'];

/** A connection of mysql2, with a limit on how long an answer may take. */
export class Session {
  readonly #connection: Connection;
  readonly #clock: Timing;
  readonly #answerMsMax: number;

  constructor(connection: Connection, { clock, answerMsMax }: { clock: Timing; answerMsMax: number }) {
    this.#connection = connection;
    this.#clock = clock;
    this.#answerMsMax = answerMsMax;
  }

  /** Sends what a session needs before all else. */
  async prepare({ writes }: { writes: boolean }): Promise<void> {
    await this.send(writes ? [...everySession, ...writingSession] : everySession);
  }

  /** Runs statements in one round trip; the first that fails ends them. Throws what mysql2 throws. */
  async send(statements: readonly string[]): Promise<Answer[]> {
    const call = this.#connection.query<RowDataPacket[]>({ sql: statements.join(';\n'), rowsAsArray: true });
    const [results] = await inTime(call, {
      clock: this.#clock,
      msMax: this.#answerMsMax,
      late: () => this.destroy(),
    }).catch(withoutSql);
    return (statements.length === 1 ? [results] : results).map(answerOf);
  }

  /** Calls `listener` when the connection has ended, in whatever way. */
  onClosed(listener: () => void): void {
    socketOf(this.#connection)?.once('close', listener);
  }

  /** Ends the connection without asking the server, which may never answer. */
  destroy(): void {
    this.#connection.destroy();
    socketOf(this.#connection)?.destroy();
  }
}

/** The result of a call; where it takes longer than `msMax`, an error, after `late` was called. */
export function inTime<Result>(
  call: Promise<Result>,
  { clock, msMax, late }: { clock: Timing; msMax: number; late: () => void },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = clock.after(msMax, () => {
      late();
      reject(new Error(`no answer within ${msMax} ms`));
    });
    call.then(resolve, reject).finally(stop);
  });
}

/** mysql2 leaves its socket half open on `destroy`, so that one to a server that has gone would live on for minutes. */
function socketOf(connection: Connection): Socket | undefined {
  const { connection: core } = connection as unknown as { connection?: { stream?: Socket } };
  return core?.stream;
}

/** mysql2 puts the statement's text into its errors: bodies and headers, which must not get into a log. */
function withoutSql(error: unknown): never {
  if (error instanceof Error && 'sql' in error) delete error.sql;
  throw error;
}

function answerOf(result: unknown): Answer {
  if (Array.isArray(result)) return { rows: result as Row[], affected: 0 };
  return { rows: [], affected: (result as ResultSetHeader).affectedRows };
}
