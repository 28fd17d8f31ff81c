import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What a receiver got, call by call. */
export interface Calls {
  readonly ids: readonly string[];
  /** When it arrived by the system's clock, in whole milliseconds since the epoch: to tell whether it was early. */
  readonly arrivals: readonly number[];
  /** The same to the microsecond, by a clock that was set when the receiver started: to tell how late it was. */
  readonly steadyArrivals: readonly number[];
}

/** A receiver in a thread of its own, so that what is measured does not wait for what measures. */
export interface BenchReceiver {
  readonly url: string;
  count(): Promise<number>;
  calls(): Promise<Calls>;
  close(): Promise<unknown>;
}

export async function startBenchReceiver(behaviour: 'answer' | 'hang' = 'answer'): Promise<BenchReceiver> {
  const worker = new Worker(new URL('./receiver-worker.ts', import.meta.url), { workerData: behaviour });
  const [port] = await once(worker, 'message');
  const ask = async (what: 'count' | 'calls') => {
    worker.postMessage(what);
    const [answer] = await once(worker, 'message');
    return answer;
  };
  return {
    url: `http://127.0.0.1:${port}/hook`,
    count: () => ask('count'),
    calls: () => ask('calls'),
    close: () => worker.terminate(),
  };
}
