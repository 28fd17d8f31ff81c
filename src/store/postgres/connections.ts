import { Pool, type PoolClient, type PoolConfig, types } from 'pg';
import { PunctualError } from '../../timer/errors.ts';
import type { Random } from '../../timer/random.ts';
import { withoutPassword } from '../address.ts';
import { retried } from '../retried.ts';
import type { Timing } from '../timing.ts';
import { commitFault, connectFault, isPassing, leavesConnection, statementFault } from './faults.ts';
import { parameterOf } from './rows.ts';
import { type StatementName, statements } from './statements.ts';

/**
 * What connections are for, so that none waits for another kind: writes and reads are short; an audit is long, and so may upkeep be; the clock must not wait for
 * anything, or its answer is worth little.
 */
export type Use = 'write' | 'read' | 'audit' | 'upkeep' | 'clock';

const uses: readonly Use[] = ['write', 'read', 'audit', 'upkeep', 'clock'];

/** How many connections there are of each kind, and how many times as long as others their answers may take. */
const limits: Readonly<Record<Use, { readonly connections: number; readonly patience: number }>> = {
  write: { connections: 8, patience: 1 },
  read: { connections: 4, patience: 1 },
  audit: { connections: 1, patience: 6 },
  // It is waited for when the store is closed; what takes longer is left to the server.
  upkeep: { connections: 1, patience: 0.5 },
  clock: { connections: 1, patience: 0.2 },
};

const answerMsDefault = 10_000;
/** An unused connection is asked by the system for a sign of life after this, in milliseconds. */
export const keepAliveMs = 10_000;

/**
 * Plans go through the indexes whatever the statistics say: those of a table that was empty a minute ago are wrong, and a plan that scans is
 * kept for as long as the session lives.
 */
export const planning = `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_nestloop = off; SET enable_mergejoin = off;
  SET plan_cache_mode = force_generic_plan; SET jit = off`;

/** Citus cannot plan a statement that changes several tables, nor tell which node a batch concerns, before it has seen the bucket's number. */
const planningOnCitus =
  "SELECT set_config('plan_cache_mode', 'force_custom_plan', false) FROM pg_extension WHERE extname = 'citus'";

/**
 * What every session runs with.
 * - A commit is on the disk when it is answered, whatever the server's default is.
 * - The server gives up a little earlier than this process: what it says itself was not done is known not to be.
 * - A process that stops in the middle of a transaction does not keep its locks.
 */
function sessionFor(answerMsMax: number): string {
  const milliseconds = (part: number) => Math.ceil(answerMsMax * part);
  return `SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC';
    SET statement_timeout = ${milliseconds(0.8)}; SET lock_timeout = ${milliseconds(0.5)};
    SET idle_in_transaction_session_timeout = ${milliseconds(1)}; ${planning}; ${planningOnCitus}`;
}

const int8 = 20;

export interface ConnectionsOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows. */
  readonly url: string;
  readonly clock: Timing;
  readonly random: Random;
  /** How long the server may take for an answer, in milliseconds; 10 s by default. A connection or a lock is waited for half as long. */
  readonly answerMsMax?: number;
}

type Rows = readonly (readonly unknown[])[];

/** One transaction's connection: runs one statement of statements.ts after another. */
export type Run = (name: StatementName, values: readonly unknown[]) => Promise<Rows>;

/** The connections of one store to its server. */
export class Connections {
  /** For messages: the address without the password. */
  readonly database: string;
  readonly #options: Required<ConnectionsOptions>;
  readonly #pools: Record<Use, Pool>;
  #underWay = 0;
  #whenIdle: (() => void)[] = [];
  #closed = false;

  constructor({ answerMsMax = answerMsDefault, ...options }: ConnectionsOptions) {
    this.#options = { ...options, answerMsMax };
    this.database = withoutPassword(options.url);
    const pools = uses.map((use) => [use, poolOf(this.#options, use)]);
    this.#pools = Object.fromEntries(pools) as Record<Use, Pool>;
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
          // What is still under way, or nobody answers, ends with its connection.
          if (!committing && leavesConnection(error)) await client.query('ROLLBACK');
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
        client.release(!leavesConnection(error));
        if (!leavesConnection(error)) this.#replaceIdle();
        throw isPassing(error) ? error : fault(error, this.database);
      }
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  /** Where one connection has died, those that nobody uses have too, often without a word: none shall be met by one verb after another. */
  #replaceIdle(): void {
    for (const use of uses) {
      const pool = this.#pools[use];
      if (this.#closed || pool.idleCount === 0 || pool.waitingCount > 0) continue;
      this.#pools[use] = poolOf(this.#options, use);
      void pool.end().catch(() => undefined);
    }
  }

  #retried<Result>(work: () => Promise<Result>): Promise<Result> {
    const { clock, random, answerMsMax } = this.#options;
    const fault = (error: unknown) => statementFault(error, this.database);
    return retried(work, { clock, random, isPassing, fault, msMax: answerMsMax });
  }
}

/** Named, so that the server parses and plans it once for each connection. */
async function run(client: PoolClient, name: StatementName, values: readonly unknown[]): Promise<Rows> {
  const result = await client.query({
    name,
    text: statements[name],
    values: values.map(parameterOf),
    rowMode: 'array',
  });
  return result.rows;
}

function poolOf({ url, answerMsMax }: Required<ConnectionsOptions>, use: Use): Pool {
  const { connections, patience } = limits[use];
  const config: PoolConfig & { onConnect: (client: PoolClient) => Promise<unknown> } = {
    connectionString: url,
    application_name: `punctual ${use}`,
    max: connections,
    idleTimeoutMillis: 0,
    // A server that is gone does not say farewell: what is unused must not keep a process from ending.
    allowExitOnIdle: true,
    connectionTimeoutMillis: answerMsMax / 2,
    query_timeout: answerMsMax * patience,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    types: { getTypeParser: (oid, format) => (oid === int8 ? Number : types.getTypeParser(oid, format)) as never },
    onConnect: (client) => client.query(sessionFor(answerMsMax * patience)),
  };
  const pool = new Pool(config);
  // A connection that breaks while nobody uses it is replaced when it is needed; what breaks one in use reaches the statement that waits.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
