import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** `answer`: 200 at once; `hang`: never an answer. */
const behaviour = workerData as 'answer' | 'hang';

const ids: string[] = [];
const arrivals: number[] = [];
const steadyArrivals: number[] = [];

const server = createServer((request, response) => {
  arrivals.push(Date.now());
  steadyArrivals.push(performance.timeOrigin + performance.now());
  ids.push(request.url!.slice(request.url!.lastIndexOf('/') + 1));
  request.resume();
  if (behaviour === 'answer') response.end();
});
server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
parentPort!.on('message', (ask: 'count' | 'calls') => {
  parentPort!.postMessage(ask === 'count' ? ids.length : { ids, arrivals, steadyArrivals });
});
