import { type JobsOptions, Queue, Worker } from 'bullmq';
import { attemptsMax, type Handle, type Peer, type PeerQueue } from './peer.ts';

// The pages named below are of https://docs.bullmq.io.

const queueName = 'timers';

interface Call {
  readonly url: string;
}

const jobOptions: JobsOptions = {
  attempts: attemptsMax,
  backoff: { type: 'exponential', delay: 1_000 },
  // "By default, all jobs … kept forever … you will likely want to configure a maximum" (guide/going-to-production).
  removeOnComplete: true,
};

/**
 * "If your jobs require IO operations, then you can increase this number quite a lot. Something between 100 and 300 is a
 * quite standard setting" (guide/parallelism-and-concurrency). Of 50 to 400, none was clearly faster.
 */
const concurrency = 100;

/** "Adding jobs in bulk can be faster since it reduces the number of roundtrips to Redis" (guide/queues/adding-bulks). */
const perBulk = 1_000;
const bulksAtOnce = 2;

/** BullMQ on Redis. What is durable about it is the server's to say: see support/redis-server.ts. */
export const bullmq: Peer = {
  name: 'bullmq',
  open: async (databaseUrl) => {
    const queue = new BullmqQueue(databaseUrl);
    await queue.ready();
    return queue;
  },
};

class BullmqQueue implements PeerQueue {
  readonly #url: string;
  readonly #queue: Queue<Call>;
  #worker: Worker<Call> | undefined;

  constructor(url: string) {
    this.#url = url;
    this.#queue = new Queue(queueName, { connection: { url }, defaultJobOptions: jobOptions });
    // "It is really useful to attach a handler for the error event … and prevent unhandled errors" (guide/going-to-production).
    this.#queue.on('error', report);
  }

  async ready(): Promise<void> {
    await this.#queue.waitUntilReady();
  }

  async create({ url, delayMs }: { readonly url: string; readonly delayMs: number }): Promise<string> {
    const job = await this.#queue.add('call', { url }, { delay: delayMs });
    return job.id!;
  }

  async fill(count: number, urlOf: (number: number) => string): Promise<void> {
    let next = 0;
    const add = async () => {
      while (next < count) {
        const from = next;
        next = Math.min(count, from + perBulk);
        const numbers = Array.from({ length: next - from }, (_, at) => from + at);
        await this.#queue.addBulk(numbers.map((number) => ({ name: 'call', data: { url: urlOf(number) } })));
      }
    };
    await Promise.all(Array.from({ length: bulksAtOnce }, add));
  }

  async work(handle: Handle): Promise<void> {
    const worker = new Worker<Call>(queueName, ({ data, id }) => handle(data.url, id!), {
      connection: { url: this.#url },
      concurrency,
    });
    worker.on('error', report);
    this.#worker = worker;
    await worker.waitUntilReady();
  }

  async close(): Promise<void> {
    await this.#worker?.close();
    await this.#queue.close();
  }
}

function report(error: Error): void {
  console.error(`bullmq: ${error.message}`);
}
