import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** What the receiver's thread writes, and others read while it does. */
export interface Shared {
  /** All calls, in the first place. */
  readonly calls: Int32Array;
  /** Calls of each number. */
  readonly callsOf: Uint8Array;
  /** When the first and the last call came, in milliseconds of the receiver's own; 0 before. */
  readonly span: Float64Array;
}

const pollMs = 50;
/** Within this time of the last call that is waited for, a repeat would come: after a retry's pause, or a lease of 6 s. */
const repeatMs = 8_000;
/** Nothing was called for this long: something is wrong. */
const stalledMs = 60_000;

/** A receiver that answers at once and only counts: millions of calls take it a few megabytes. */
export class CountingReceiver {
  readonly #worker: Worker;
  readonly #shared: Shared;
  readonly #port: number;

  private constructor(worker: Worker, shared: Shared, port: number) {
    this.#worker = worker;
    this.#shared = shared;
    this.#port = port;
  }

  /** For calls with the numbers from 0 to below `count`. */
  static async start(count: number): Promise<CountingReceiver> {
    const shared = {
      calls: new Int32Array(new SharedArrayBuffer(4)),
      callsOf: new Uint8Array(new SharedArrayBuffer(count)),
      span: new Float64Array(new SharedArrayBuffer(16)),
    };
    const worker = new Worker(new URL('./counting-receiver-worker.ts', import.meta.url), { workerData: shared });
    const [port] = await once(worker, 'message');
    return new CountingReceiver(worker, shared, port);
  }

  /** Without a number. */
  get base(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** What a timer calls, which shall be known by this number. */
  url(number: number): string {
    return `${this.base}?n=${number}`;
  }

  get calls(): number {
    return Atomics.load(this.#shared.calls, 0);
  }

  /** Calls a second, from the first to the last. */
  get perSecond(): number {
    const [first, last] = this.#shared.span as unknown as readonly [number, number];
    return Math.round(((this.calls - 1) / (last - first)) * 1_000);
  }

  /** Waits until so many calls have come. Throws when none comes for a minute. */
  async until(count: number): Promise<void> {
    let seen = this.calls;
    let seenAt = performance.now();
    while (this.calls < count) {
      await delay(pollMs);
      if (this.calls > seen) seenAt = performance.now();
      seen = this.calls;
      if (performance.now() > seenAt + stalledMs) throw new Error(`only ${seen} of ${count} calls came`);
    }
  }

  /** How many numbers were never called, and how many calls were repeats. */
  verdict(): { readonly lost: number; readonly repeats: number } {
    const lost = this.#shared.callsOf.reduce((sum, calls) => sum + (calls === 0 ? 1 : 0), 0);
    const repeats = this.#shared.callsOf.reduce((sum, calls) => sum + Math.max(0, calls - 1), 0);
    return { lost, repeats };
  }

  /** What must not be, as said of `who`; empty where each number was called once. Leaves a repeat time to come. */
  async faults(who: string): Promise<string[]> {
    await delay(repeatMs);
    const { lost, repeats } = this.verdict();
    return lost + repeats > 0 ? [`${who}: ${lost} timers were lost, ${repeats} calls repeated`] : [];
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
