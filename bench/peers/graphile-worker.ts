import type { AddJobsJobSpec, Runner, Task, WorkerUtils } from 'graphile-worker';
import { attemptsMax, type Handle, type Peer, type PeerQueue } from './peer.ts';

// The pages named below are of https://worker.graphile.org/docs.

// No line for each job that went well, as in its makers' own benchmark (perfTest/run.js in its repository). It reads this once.
process.env.NO_LOG_SUCCESS = '1';
const { Logger, makeWorkerUtils, run } = await import('graphile-worker');

const taskName = 'call';
/** Of 64, 128 and 256 none was clearly faster than the others. */
const concurrentJobs = 128;

/** graphile-worker on PostgreSQL. */
export const graphileWorker: Peer = {
  name: 'graphile-worker',
  open: async (databaseUrl) => {
    const utils = await makeWorkerUtils({ preset: { worker: creating(databaseUrl) } });
    await utils.migrate();
    return new GraphileQueue(databaseUrl, utils);
  },
};

function creating(connectionString: string): GraphileConfig.WorkerOptions {
  return {
    connectionString,
    // Creates come one by one, each in a transaction of its own, and would queue for its 10. More than this were no faster.
    maxPoolSize: 24,
    // Clocks are the same here, which makes the setting "moot" (config#workerusenodetime).
    useNodeTime: true,
    logger,
  };
}

function working(connectionString: string): GraphileConfig.WorkerOptions {
  return {
    ...creating(connectionString),
    concurrentJobs,
    // "We recommend setting it to 10 or concurrentJobs + 2, whichever is larger" (config#workermaxpoolsize). They are opened
    // as they are needed: with the batches below, that is far fewer.
    maxPoolSize: concurrentJobs + 2,
    // "Reducing both database load and increasing throughput - sometimes by an order of magnitude!" (performance#localqueue).
    // The size is that of its makers' own benchmark. No refetchDelay, which would trade lateness for the load of many instances.
    localQueue: { size: 500 },
    // "Significantly reducing load on the database and WAL churn … 250 seems a reasonable default"
    // (performance#completejobbatchdelay--failjobbatchdelay). The 0 of its makers' own benchmark was slower here by a quarter.
    completeJobBatchDelay: 250,
    failJobBatchDelay: 250,
    // Notifications wake it for what is due at once; what is due later it finds by polling alone. With a local queue that is
    // one query per interval for the whole instance (issue 486 in its repository), so that a short one costs little.
    pollInterval: 50,
  };
}

const logger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') console.error(`graphile-worker: ${message}`);
});

/** `add_jobs` takes as many as one likes: its makers' benchmark gives it 200,000 at once. Here each answer is read back. */
const perInsert = 10_000;

class GraphileQueue implements PeerQueue {
  readonly #databaseUrl: string;
  readonly #utils: WorkerUtils;
  #runner: Runner | undefined;

  constructor(databaseUrl: string, utils: WorkerUtils) {
    this.#databaseUrl = databaseUrl;
    this.#utils = utils;
  }

  async create({ url, delayMs }: { readonly url: string; readonly delayMs: number }): Promise<string> {
    const runAt = new Date(Date.now() + delayMs);
    const job = await this.#utils.addJob(taskName, { url }, { runAt, maxAttempts: attemptsMax });
    return job.id;
  }

  async fill(count: number, urlOf: (number: number) => string): Promise<void> {
    for (let from = 0; from < count; from += perInsert) {
      const length = Math.min(perInsert, count - from);
      const jobs = Array.from({ length }, (_, at): AddJobsJobSpec => {
        return { identifier: taskName, payload: { url: urlOf(from + at) }, maxAttempts: attemptsMax };
      });
      await this.#utils.addJobs(jobs);
    }
  }

  async work(handle: Handle): Promise<void> {
    const call: Task = (payload, { job }) => handle((payload as { readonly url: string }).url, job.id);
    this.#runner = await run({
      preset: { worker: working(this.#databaseUrl) },
      taskList: { [taskName]: call },
      parsedCronItems: [],
      noHandleSignals: true,
    });
  }

  async close(): Promise<void> {
    await this.#runner?.stop();
    await this.#utils.release();
  }
}
