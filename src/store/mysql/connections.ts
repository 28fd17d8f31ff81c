import { createPool, type Pool } from 'mysql2/promise';
import { PunctualError } from '../../timer/errors.ts';
import type { Random } from '../../timer/random.ts';
import { retried } from '../retried.ts';
import type { Timing } from '../timing.ts';
import { type Address, parseAddress } from './address.ts';
import { commitFault, connectFault, isPassing, statementFault } from './faults.ts';
import { type Answer, inTime, Session } from './session.ts';
import { Transaction } from './transaction.ts';

/**
 * What connections are for, so that none waits for another kind: writes are short; reads may be long; the clock must not wait for anything,
 * or its answer is worth little.
 */
type Use = 'write' | 'read' | 'clock';

/** How long an answer may take, in milliseconds. A lock is waited for less long (session.ts), so that its end is told by the server. */
const answerMsMax: Readonly<Record<Use, number>> = { write: 10_000, read: 60_000, clock: 2_000 };

/** How long a verb waits for a connection, in milliseconds. */
const connectMsMax = 5_000;
/** Connections that write and are idle are closed after this, in milliseconds: before the server does it (session.ts). */
const idleMsMax = 5_000;
/** How long the server may take to say farewell, in milliseconds. */
const farewellMsMax = 2_000;

const connectionsDefault = 13;
const connectionsMin = 3;

export interface ConnectionsOptions {
  /** See `parseAddress`. */
  readonly url: string;
  readonly clock: Timing;
  readonly random: Random;
  /** At most this many connections at a time, 3 or more: one for the clock, a third of the others for reads, the rest for writes. */
  readonly connectionsMax?: number;
  /** The server takes no statement longer than this many bytes. */
  readonly packetBytesMax: number;
}

/** The connections of one store to its server. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #address: Address;
  readonly #pools: Readonly<Record<Use, Pool>>;
  /** Sessions by mysql2's connections, once they are prepared. */
  readonly #sessions = new Map<object, Session>();
  #underWay = 0;
  #whenIdle: (() => void)[] = [];
  #closed = false;
  #ending: Promise<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#address = parseAddress(options.url);
    const others = Math.max(connectionsMin, options.connectionsMax ?? connectionsDefault) - 1;
    const reads = Math.max(1, Math.floor(others / 3));
    this.#pools = {
      write: this.#poolOf(others - reads, { idleTimeout: idleMsMax, maxIdle: others - reads - 1 }),
      read: this.#poolOf(reads),
      clock: this.#poolOf(1),
    };
  }

  /** Runs statements that only read, each by itself, in one round trip. Throws a PunctualError. */
  read(...statements: string[]): Promise<Answer[]> {
    return this.#with('read', statementFault, (session) => session.send(statements));
  }

  /** As `read`, on the connections that write: for looks that must not wait behind long reads. */
  look(...statements: string[]): Promise<Answer[]> {
    return this.#with('write', statementFault, (session) => session.send(statements));
  }

  /** As `read`, on the connection that nothing else uses. */
  askClock(statement: string): Promise<Answer[]> {
    return this.#with('clock', statementFault, (session) => session.send([statement]));
  }

  /** Runs statements that each commit by themselves. Throws a PunctualError: nothing was done, unless its code is `commit_unknown`. */
  write(...statements: string[]): Promise<Answer[]> {
    return this.#retried(() => this.#with('write', commitFault, (session) => session.send(statements)));
  }

  /** Runs `work` in one transaction, which it commits; without that it is rolled back. Throws as `write`. */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return this.#retried(() => {
      let transaction: Transaction | undefined;
      const fault: typeof commitFault = (error, database) =>
        transaction?.isCommitting ? commitFault(error, database) : statementFault(error, database);
      return this.#with('write', fault, (session) => {
        transaction = new Transaction(session, { kind: 'write', packetBytesMax: this.#options.packetBytesMax });
        return transaction.end(work);
      });
    });
  }

  /** Runs `work`, which only reads, on one moment of the database. */
  snapshot<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const options = { kind: 'snapshot', packetBytesMax: this.#options.packetBytesMax } as const;
    return this.#with('read', statementFault, (session) => new Transaction(session, options).end(work));
  }

  /** Waits for what is under way, and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #end(): Promise<void> {
    const { clock } = this.#options;
    const late = () => {
      for (const session of this.#sessions.values()) session.destroy();
    };
    const ends = Promise.all(Object.values(this.#pools).map((pool) => pool.end()));
    // Whatever the server says to it, they are closed.
    await inTime(ends, { clock, msMax: farewellMsMax, late }).catch(() => undefined);
  }

  async #with<Result>(
    use: Use,
    fault: (error: unknown, database: string) => PunctualError,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) throw new PunctualError('store_unavailable', { message: 'the store is closed' });
    this.#underWay++;
    try {
      const { session, release } = await this.#connect(use).catch((error: unknown) => {
        throw connectFault(error, this.#address.shown);
      });
      try {
        const result = await work(session);
        release();
        return result;
      } catch (error) {
        const found = isPassing(error) ? error : fault(error, this.#address.shown);
        // A connection of which nobody knows what it is doing is of no more use, nor is one to a server that takes no writes.
        if (!(found instanceof PunctualError) || found.code === 'internal' || found.code === 'store_full') release();
        else session.destroy();
        throw found;
      }
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async #connect(use: Use): Promise<{ session: Session; release: () => void }> {
    const { clock } = this.#options;
    const getting = this.#pools[use].getConnection();
    const connection = await inTime(getting, {
      clock,
      msMax: connectMsMax,
      // It may come yet.
      late: () => void getting.then((late) => late.release()).catch(() => undefined),
    });
    // The object that stays the same from one use to the next.
    const core = connection.connection;
    const known = this.#sessions.get(core);
    const session = known ?? new Session(connection, { clock, answerMsMax: answerMsMax[use] });
    if (!known) {
      this.#sessions.set(core, session);
      session.onClosed(() => this.#sessions.delete(core));
      // What breaks the connection reaches the statement that waits for it, if there is one.
      core.on('error', () => undefined);
      await session.prepare({ writes: use === 'write' }).catch((error: unknown) => {
        session.destroy();
        throw error;
      });
    }
    return { session, release: () => connection.release() };
  }

  #retried<Result>(work: () => Promise<Result>): Promise<Result> {
    const { clock, random } = this.#options;
    const fault = (error: unknown) => statementFault(error, this.#address.shown);
    return retried(work, { clock, random, isPassing, fault, msMax: answerMsMax.write });
  }

  #poolOf(connectionLimit: number, idle: { idleTimeout?: number; maxIdle?: number } = {}): Pool {
    const { server, name } = this.#address;
    return createPool({ ...server, ...connectionOptions, ...idle, database: name, connectionLimit });
  }
}

/** What mysql2 is told for every connection. */
export const connectionOptions = {
  connectTimeout: connectMsMax,
  // A transaction's first and last words travel with its statements; values are escaped by mysql2, under a pinned sql_mode.
  multipleStatements: true,
  charset: 'UTF8MB4_GENERAL_CI',
  enableKeepAlive: true,
  gracefulEnd: true,
  trace: false,
};
