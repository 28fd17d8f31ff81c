import { Pool, type PoolClient, type PoolConfig, types } from 'pg';
import { PunctualError } from '../../timer/errors.ts';
import type { Random } from '../../timer/random.ts';
import { withoutPassword } from '../address.ts';
import { pause, type Timing } from '../timing.ts';
import { commitFault, connectFault, isPassing, statementFault } from './faults.ts';
import { type StatementName, statements } from './statements.ts';

/**
 * What connections are for, so that none waits for another kind: writes are short; reads may be long; the clock must not wait for anything,
 * or its answer is worth little.
 */
export type Use = 'write' | 'read' | 'clock';

/** How many connections there are of each kind, and how long an answer may take, in milliseconds. */
const limits: Readonly<Record<Use, { readonly connections: number; readonly answerMsMax: number }>> = {
  write: { connections: 8, answerMsMax: 10_000 },
  read: { connections: 4, answerMsMax: 60_000 },
  clock: { connections: 1, answerMsMax: 2_000 },
};

/** How long a verb waits for a connection, in milliseconds. */
const connectMsMax = 5_000;
/** So often a transaction is tried that others got into the way of. */
const triesMax = 5;

/**
 * What every session runs with.
 * - A commit is on the disk when it is answered, whatever the server's default is.
 * - Plans go through the indexes whatever the statistics say: those of a table that was empty a minute ago are wrong, and a plan that
 *   scans is kept for as long as the session lives.
 */
export const session = `SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s';
  SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_nestloop = off; SET enable_mergejoin = off;
  SET plan_cache_mode = force_generic_plan; SET jit = off; SET timezone = 'UTC'`;

const int8 = 20;

export interface ConnectionsOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows. */
  readonly url: string;
  readonly clock: Timing;
  readonly random: Random;
}

type Rows = readonly (readonly unknown[])[];

/** One transaction's connection: runs one statement of statements.ts after another. */
export type Run = (name: StatementName, values: readonly unknown[]) => Promise<Rows>;

/** The connections of one store to its server. */
export class Connections {
  /** For messages: the address without the password. */
  readonly database: string;
  readonly #options: ConnectionsOptions;
  readonly #pools: Readonly<Record<Use, Pool>>;
  #underWay = 0;
  #whenIdle: (() => void)[] = [];
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.database = withoutPassword(options.url);
    this.#pools = { write: poolOf(options, 'write'), read: poolOf(options, 'read'), clock: poolOf(options, 'clock') };
  }

  /** Runs a statement that only reads. Throws a PunctualError. */
  read(name: StatementName, values: readonly unknown[], use: Use = 'read'): Promise<Rows> {
    return this.#with(use, statementFault, (client) => run(client, name, values));
  }

  /** Runs a statement that commits by itself. Throws a PunctualError: nothing was done, unless its code is `commit_unknown`. */
  write(name: StatementName, values: readonly unknown[]): Promise<Rows> {
    return this.#retried(() => this.#with('write', commitFault, (client) => run(client, name, values)));
  }

  /** Runs `work` in one transaction. Throws as `write`. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.#retried(async () => {
      let committing = false;
      const fault: typeof commitFault = (error, database) =>
        committing ? commitFault(error, database) : statementFault(error, database);
      return this.#with('write', fault, async (client) => {
        await client.query('BEGIN');
        try {
          const result = await work((name, values) => run(client, name, values));
          committing = true;
          await client.query('COMMIT');
          return result;
        } catch (error) {
          if (!committing) await client.query('ROLLBACK').catch(() => undefined);
          throw error;
        }
      });
    });
  }

  /** Waits for what is under way, and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await Promise.all(Object.values(this.#pools).map((pool) => pool.ended || pool.end()));
  }

  async #with<Result>(
    use: Use,
    fault: (error: unknown, database: string) => PunctualError,
    work: (client: PoolClient) => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) throw new PunctualError('store_unavailable', { message: 'the store is closed' });
    this.#underWay++;
    try {
      const client = await this.#pools[use].connect().catch((error: unknown) => {
        throw connectFault(error, this.database);
      });
      try {
        const result = await work(client);
        client.release();
        return result;
      } catch (error) {
        const found = isPassing(error) ? error : fault(error, this.database);
        // A connection of which nobody knows what it is doing is of no more use.
        client.release(found instanceof PunctualError && found.code !== 'internal' && found.code !== 'store_full');
        throw found;
      }
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  /** A transaction that others got into the way of was rolled back as a whole: it is tried again, after a moment that chance chooses. */
  async #retried<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (tries === triesMax) throw statementFault(error, this.database);
        await pause(this.#options.clock, this.#options.random.fraction() * 10 * 2 ** tries);
      }
    }
  }
}

/** Named, so that the server parses and plans it once for each connection. */
async function run(client: PoolClient, name: StatementName, values: readonly unknown[]): Promise<Rows> {
  const result = await client.query({ name, text: statements[name], values: [...values], rowMode: 'array' });
  return result.rows;
}

function poolOf({ url }: ConnectionsOptions, use: Use): Pool {
  const config: PoolConfig & { onConnect: (client: PoolClient) => Promise<unknown> } = {
    connectionString: url,
    application_name: `punctual ${use}`,
    max: limits[use].connections,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: connectMsMax,
    query_timeout: limits[use].answerMsMax,
    keepAlive: true,
    types: { getTypeParser: (oid, format) => (oid === int8 ? Number : types.getTypeParser(oid, format)) as never },
    onConnect: (client) => client.query(session),
  };
  const pool = new Pool(config);
  // A connection that breaks while nobody uses it is replaced when it is needed.
  pool.on('error', () => undefined);
  return pool;
}
