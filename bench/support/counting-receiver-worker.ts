import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { Shared } from './counting-receiver.ts';

const { calls, callsOf, span } = workerData as Shared;

// The number is the last thing in the query: /hook/ID?n=NUMBER.
const server = createServer((request, response) => {
  const url = request.url!;
  const number = Number(url.slice(url.lastIndexOf('=') + 1));
  callsOf[number]! += 1;
  const now = performance.now();
  if (span[0] === 0) span[0] = now;
  span[1] = now;
  Atomics.add(calls, 0, 1);
  request.resume();
  response.end();
});
server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
