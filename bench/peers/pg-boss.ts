import { type Job, type JobResult, PgBoss, type QueueOptions, type WorkOptions } from 'pg-boss';
import { attemptsMax, type Handle, type Peer, type PeerQueue } from './peer.ts';

// The pages named below are of https://pgboss.io.

const queueName = 'timers';

interface Call {
  readonly url: string;
}

/** pg-boss on PostgreSQL. */
export const pgBoss: Peer = {
  name: 'pg-boss',
  open: async (databaseUrl) => {
    const boss = new PgBoss({
      connectionString: databaseUrl,
      // Creates come one by one, each in a transaction of its own, and would queue for its 10. More than this were no faster.
      max: 24,
      // "Cutting dispatch latency to milliseconds" (api/workers#low-latency-dispatch-with-listen-notify), though only for
      // what is due at once: "Future-dated jobs … are picked up by polling once they become eligible".
      useListenNotify: true,
    });
    boss.on('error', (error) => console.error(`pg-boss: ${error.message}`));
    await boss.start();
    await boss.createQueue(queueName, queueOptions);
    return new BossQueue(boss);
  },
};

const queueOptions: QueueOptions & { readonly notify: boolean; readonly partition: boolean } = {
  // The queue's half of useListenNotify.
  notify: true,
  // "If a queue needs to be scaled out, you can create it with a partition option" (introduction).
  partition: true,
  retryLimit: attemptsMax - 1,
  retryDelay: 1,
  retryBackoff: true,
};

const workOptions = {
  // Each fetch and each completion is one statement for the whole batch.
  batchSize: 1_000,
  // "A batch handler is all-or-nothing" otherwise: one refusal would repeat up to 999 calls that went well (api/workers).
  perJobResults: true,
  // "Each worker polls and processes jobs independently": while some wait for their last calls or the database, the others
  // send. Of 1, 2, 3 and 4 the first was the slowest, and the last the fastest by little.
  localConcurrency: 4,
  // "While each fetch returns a full batch … keeps fetching continuously with no delay; … reacts instantly" (api/workers).
  burstWhenBatchFull: true,
  // Both at their minimum: with notifications the second is the one that is heeded, and 30 s by default. Nothing but a poll
  // finds what is due later.
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
} as const satisfies WorkOptions;

/** Of one batch: "You will need to handle concurrency yourself in your handler" (issue 542 in its repository). */
const callsAtOnce = 64;

/** `insert` is "the raw, high-volume path" by its source's own words. */
const perInsert = 10_000;

class BossQueue implements PeerQueue {
  readonly #boss: PgBoss;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  async create({ url, delayMs }: { readonly url: string; readonly delayMs: number }): Promise<string> {
    const id = await this.#boss.send(queueName, { url }, { startAfter: new Date(Date.now() + delayMs) });
    if (id === null) throw new Error('pg-boss did not take the job');
    return id;
  }

  async fill(count: number, urlOf: (number: number) => string): Promise<void> {
    for (let from = 0; from < count; from += perInsert) {
      const length = Math.min(perInsert, count - from);
      await this.#boss.insert(
        queueName,
        Array.from({ length }, (_, at) => ({ data: { url: urlOf(from + at) } })),
      );
    }
  }

  async work(handle: Handle): Promise<void> {
    await this.#boss.work<Call>(queueName, workOptions, (jobs) => workBatch(jobs, handle));
  }

  async close(): Promise<void> {
    await this.#boss.stop();
  }
}

async function workBatch(jobs: readonly Job<Call>[], handle: Handle): Promise<JobResult[]> {
  const results: JobResult[] = [];
  let next = 0;
  const takeTurns = async () => {
    while (next < jobs.length) results.push(await workOne(jobs[next++]!, handle));
  };
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, jobs.length) }, takeTurns));
  return results;
}

async function workOne({ id, data }: Job<Call>, handle: Handle): Promise<JobResult> {
  try {
    await handle(data.url, id);
    return { id, status: 'completed' };
  } catch (error) {
    return { id, status: 'failed', output: { message: String(error) } };
  }
}
