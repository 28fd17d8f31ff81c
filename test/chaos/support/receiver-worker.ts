import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { Chance } from '../../support/chance.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { ownersOfPorts } from './connection-owner.ts';
import { watchOwnStalls } from './own-stalls.ts';
import type { Columns, Question, ReceiverOptions } from './receiver.ts';
import { strike } from './wire-harm.ts';

const { answerMsMax, refusals, seed } = workerData as ReceiverOptions;
const chance = new Chance(seed);

/** Connections that come together are looked up together, in milliseconds. */
const lookUpAfterMs = 2;

interface Sender {
  /** At its own end of the connection to the proxy. */
  readonly port: number;
  pid: number | undefined;
}

const calls: Columns = {
  id: [],
  order: [],
  webhookId: [],
  sender: [],
  sentAt: [],
  arrivedAt: [],
  endedAt: [],
  status: [],
};
const stalls = watchOwnStalls();
const callSenders: (Sender | undefined)[] = [];
/** By the port of the proxy's connection to the server. */
const senders = new Map<number, Sender>();
const pids: number[] = [];
let unknown: Sender[] = [];

function lookUp(): void {
  const owners = ownersOfPorts(new Set(unknown.map(({ port }) => port)), pids);
  for (const sender of unknown) sender.pid = owners.get(sender.port);
  unknown = [];
}

function expectFrom(client: Socket, server: Socket): void {
  const { remotePort: port } = client;
  // It is gone already.
  if (port === undefined) return;
  const sender = { port, pid: undefined };
  senders.set(server.localPort!, sender);
  if (unknown.push(sender) === 1) setTimeout(lookUp, lookUpAfterMs);
}

const server = createServer((request, response) => {
  const at = note(request);
  request.resume();
  // Whoever cut the connection is not answered.
  response.once('close', () => {
    if (calls.endedAt[at] === Number.POSITIVE_INFINITY) calls.endedAt[at] = Date.now();
  });
  setTimeout(() => answer(at, response), chance.between(0, answerMsMax));
});

function note(request: IncomingMessage): number {
  const [id, order] = request.url!.split('?')[0]!.split('/').reverse();
  callSenders.push(senders.get(request.socket.remotePort!));
  calls.order.push(Number(order));
  calls.webhookId.push(request.headers['webhook-id'] as string | undefined);
  calls.sentAt.push(Number(request.headers['webhook-timestamp']) * 1_000 || undefined);
  calls.arrivedAt.push(Date.now());
  calls.endedAt.push(Number.POSITIVE_INFINITY);
  calls.status.push(undefined);
  return calls.id.push(id!) - 1;
}

function answer(at: number, response: ServerResponse): void {
  if (response.destroyed) return;
  const status = chance.hits(refusals) ? 500 : 200;
  calls.endedAt[at] = Date.now();
  calls.status[at] = status;
  response.writeHead(status).end();
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo;
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port }, (link) => expectFrom(link.client, link.server));
  let heal = () => {};
  parentPort!.on('message', (question: Question) => {
    if ('pid' in question) pids.push(question.pid);
    else if ('harm' in question) {
      heal();
      heal = question.harm ? strike(proxy, question.harm, chance) : () => {};
    } else if (question.ask === 'count') parentPort!.postMessage(calls.id.length);
    else if (question.ask === 'stalls') parentPort!.postMessage(stalls);
    else parentPort!.postMessage({ ...calls, sender: callSenders.map((sender) => sender?.pid) });
  });
  parentPort!.postMessage(proxy.port);
});
