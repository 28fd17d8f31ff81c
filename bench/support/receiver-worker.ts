import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** `answer`: 200 at once; `hang`: never an answer. */
const behaviour = workerData as 'answer' | 'hang';

/** Of each call: the timer's id and when it arrived, milliseconds since the epoch. */
const ids: string[] = [];
const arrivals: number[] = [];

const server = createServer((request, response) => {
  const arrivedAt = Date.now();
  ids.push(request.url!.slice(request.url!.lastIndexOf('/') + 1));
  arrivals.push(arrivedAt);
  request.resume();
  if (behaviour === 'answer') response.end();
});
server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
parentPort!.on('message', (ask: 'count' | 'calls') => {
  parentPort!.postMessage(ask === 'count' ? ids.length : { ids, arrivals });
});
