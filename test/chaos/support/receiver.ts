import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Call } from '../../support/checker/evidence.ts';
import type { Stall } from './own-stalls.ts';
import type { WireHarm } from './wire-harm.ts';

/** Calls in the order of arrival, in the form in which they leave the receiver's thread. */
export type Columns = { readonly [Field in keyof Call]-?: Call[Field][] };

export type Question =
  | { readonly ask: 'count' | 'calls' | 'stalls' }
  | { readonly pid: number }
  /** Undefined ends it. */
  | { readonly harm: WireHarm | undefined };

export interface ReceiverOptions {
  /** It takes up to this long for an answer, evenly spread. */
  readonly answerMsMax: number;
  /** The part of all calls that it answers with 500; the others get 200. */
  readonly refusals: number;
  /** Of the numbers by which it draws. */
  readonly seed: number;
}

/** A receiver in a thread of its own, behind a network that can be harmed. Calls come to `url`/ID, or `url`/ORDER/ID. */
export class ChaosReceiver {
  readonly url: string;
  readonly #worker: Worker;
  /** Questions are asked one after the other. */
  #asked: Promise<unknown> = Promise.resolve();

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.url = `http://127.0.0.1:${port}/hook`;
  }

  static async start(options: Partial<ReceiverOptions> & Pick<ReceiverOptions, 'answerMsMax'>): Promise<ChaosReceiver> {
    const workerData: ReceiverOptions = { refusals: 0, seed: 1, ...options };
    const worker = new Worker(new URL('./receiver-worker.ts', import.meta.url), { workerData });
    const [port] = await once(worker, 'message');
    return new ChaosReceiver(worker, port);
  }

  /** Tells it of a process whose calls it shall know. */
  expect(pid: number): void {
    this.#worker.postMessage({ pid } satisfies Question);
  }

  /** Harms the network on the way to it, until it is told of another harm or of none. */
  harm(harm: WireHarm | undefined): void {
    this.#worker.postMessage({ harm } satisfies Question);
  }

  count(): Promise<number> {
    return this.#ask('count');
  }

  /** The calls so far. Their `sender` is the id of the process that made them, undefined where that could not be found out before it ended. */
  async received(): Promise<Call[]> {
    const { id, order, webhookId, sender, sentAt, arrivedAt, endedAt, status } = await this.#ask<Columns>('calls');
    return id.map((one, at) => ({
      id: one,
      order: order[at]!,
      webhookId: webhookId[at],
      sender: sender[at],
      sentAt: sentAt[at],
      arrivedAt: arrivedAt[at]!,
      endedAt: endedAt[at]!,
      status: status[at],
    }));
  }

  /** When it stood still itself. */
  stalls(): Promise<Stall[]> {
    return this.#ask('stalls');
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask<T>(ask: 'count' | 'calls' | 'stalls'): Promise<T> {
    const answer = this.#asked.then(async () => {
      this.#worker.postMessage({ ask } satisfies Question);
      const [reply] = await once(this.#worker, 'message');
      return reply as T;
    });
    this.#asked = answer.catch(() => undefined);
    return answer;
  }
}
