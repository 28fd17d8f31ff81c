import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A call as the receiver saw it. Instants are milliseconds since the epoch. */
export interface Call {
  readonly id: string;
  readonly arrivedAt: number;
  /** Infinity until it is answered. */
  readonly answeredAt: number;
  /** Of the process that made it; undefined where that could not be found out before it ended. */
  readonly pid: number | undefined;
}

/** Calls in the order of arrival, in the form in which they leave the receiver's thread. */
export interface Columns {
  readonly ids: readonly string[];
  readonly arrivedAt: readonly number[];
  readonly answeredAt: readonly number[];
  readonly pids: readonly (number | undefined)[];
  readonly wrongIds: number;
}

export type Question = 'count' | 'calls' | { readonly pid: number };

/** What came in so far. */
export interface Received {
  readonly calls: readonly Call[];
  /** Calls whose `webhook-id` is not the id in their path. */
  readonly wrongIds: number;
}

/** A receiver in a thread of its own, which answers each call with 200 after up to `answerMsMax`, evenly spread. */
export class ChaosReceiver {
  readonly url: string;
  readonly #worker: Worker;
  /** Questions are asked one after the other. */
  #asked: Promise<unknown> = Promise.resolve();

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.url = `http://127.0.0.1:${port}/hook`;
  }

  static async start(answerMsMax: number): Promise<ChaosReceiver> {
    const worker = new Worker(new URL('./receiver-worker.ts', import.meta.url), { workerData: { answerMsMax } });
    const [port] = await once(worker, 'message');
    return new ChaosReceiver(worker, port);
  }

  /** Tells it of a process whose calls it shall know. */
  expect(pid: number): void {
    this.#worker.postMessage({ pid } satisfies Question);
  }

  count(): Promise<number> {
    return this.#ask('count');
  }

  async received(): Promise<Received> {
    const { ids, arrivedAt, answeredAt, pids, wrongIds } = await this.#ask<Columns>('calls');
    const calls = ids.map((id, at) => {
      return { id, arrivedAt: arrivedAt[at]!, answeredAt: answeredAt[at]!, pid: pids[at] };
    });
    return { calls, wrongIds };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask<T>(question: Question): Promise<T> {
    const answer = this.#asked.then(async () => {
      this.#worker.postMessage(question);
      const [reply] = await once(this.#worker, 'message');
      return reply as T;
    });
    this.#asked = answer.catch(() => undefined);
    return answer;
  }
}
