import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { ownersOfPorts } from './connection-owner.ts';
import type { Columns, Question } from './receiver.ts';

const { answerMsMax } = workerData as { answerMsMax: number };

/** Connections that come together are looked up together, in milliseconds. */
const lookUpAfterMs = 2;

interface Sender {
  readonly port: number;
  pid: number | undefined;
}

const calls = { ids: [] as string[], arrivedAt: [] as number[], answeredAt: [] as number[], senders: [] as Sender[] };
const senders = new WeakMap<Socket, Sender>();
const pids: number[] = [];
let wrongIds = 0;
let unknown: Sender[] = [];
let lookingUp = false;

function lookUp(): void {
  lookingUp = false;
  const owners = ownersOfPorts(new Set(unknown.map(({ port }) => port)), pids);
  for (const sender of unknown) sender.pid = owners.get(sender.port);
  unknown = [];
}

const server = createServer((request, response) => {
  const path = request.url!.split('?')[0]!;
  const id = path.slice(path.lastIndexOf('/') + 1);
  const index = calls.ids.push(id) - 1;
  calls.arrivedAt.push(Date.now());
  calls.answeredAt.push(Number.POSITIVE_INFINITY);
  calls.senders.push(senders.get(request.socket)!);
  if (request.headers['webhook-id'] !== id) wrongIds += 1;
  request.resume();
  setTimeout(() => {
    calls.answeredAt[index] = Date.now();
    response.end();
  }, Math.random() * answerMsMax);
});

server.on('connection', (socket: Socket) => {
  const sender = { port: socket.remotePort!, pid: undefined };
  senders.set(socket, sender);
  unknown.push(sender);
  if (!lookingUp) setTimeout(lookUp, lookUpAfterMs);
  lookingUp = true;
});

server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));

parentPort!.on('message', (question: Question) => {
  if (typeof question === 'object') pids.push(question.pid);
  else if (question === 'count') parentPort!.postMessage(calls.ids.length);
  else {
    const { ids, arrivedAt, answeredAt } = calls;
    const columns: Columns = { ids, arrivedAt, answeredAt, pids: calls.senders.map(({ pid }) => pid), wrongIds };
    parentPort!.postMessage(columns);
  }
});
