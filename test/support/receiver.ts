import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request as the receiver saw it. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Empty when the receiver was told to reset before it reads. */
  readonly body: string;
  /** When its head had arrived, milliseconds since the epoch by the wall clock, with fractions. */
  readonly arrivedAt: number;
  /** The same on the monotonic clock (`performance.now()`). */
  readonly arrivedMonotonicMs: number;
}

/** What the receiver does with a request; by default it answers 200 `ok`. */
export interface Behaviour {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Waits before it answers. */
  readonly delayMs?: number;
  /** Never answers. */
  readonly hang?: boolean;
  /** Resets the connection (RST) when it has the head (only where it is told so for all requests alike), or the whole request. */
  readonly reset?: 'before-body' | 'after-body';
  /** Sends head and body, but never the end of it; with `everyMs` the body again and again. */
  readonly drip?: { readonly everyMs: number };
  /** Closes the connection after the answer. */
  readonly close?: boolean;
}

export type Behave = Behaviour | ((request: Received, number: number) => Behaviour);

export interface Receiver {
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly Received[];
  /** What it does from now on. */
  behave(behave: Behave): void;
  /** Resolves once there have been `count` requests. */
  received(count: number): Promise<void>;
  /** Cuts all connections and stops. */
  close(): Promise<void>;
}

export interface ReceiverOptions {
  readonly behave?: Behave;
  /** Makes it speak HTTPS. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** 0, the default, takes a free one; another one brings a receiver back to where it was. */
  readonly port?: number;
}

/** Starts a receiver on 127.0.0.1. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  let behave: Behave = options.behave ?? {};
  const requests: Received[] = [];
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  const record = (request: Received): Behaviour => {
    requests.push(request);
    for (const waiter of waiting) if (requests.length >= waiter.count) waiter.resolve();
    waiting = waiting.filter(({ count }) => count > requests.length);
    return typeof behave === 'function' ? behave(request, requests.length) : behave;
  };
  const listener: RequestListener = async (message, response) => {
    const head = headOf(message);
    if (typeof behave === 'object' && behave.reset === 'before-body') {
      record({ ...head, body: '' });
      message.socket.resetAndDestroy();
      return;
    }
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message) chunks.push(chunk);
    } catch {
      return; // The sender went away in the middle of its request.
    }
    await answer(record({ ...head, body: Buffer.concat(chunks).toString('utf8') }), message, response);
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    behave(next) {
      behave = next;
    },
    received(count) {
      if (requests.length >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count, resolve }));
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function headOf(message: IncomingMessage): Omit<Received, 'body'> {
  const monotonic = performance.now();
  return {
    method: message.method ?? '',
    path: message.url ?? '',
    headers: message.headers,
    arrivedAt: performance.timeOrigin + monotonic,
    arrivedMonotonicMs: monotonic,
  };
}

async function answer(behaviour: Behaviour, message: IncomingMessage, response: ServerResponse): Promise<void> {
  if (behaviour.hang) return;
  if (behaviour.reset) {
    message.socket.resetAndDestroy();
    return;
  }
  if (behaviour.delayMs) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
  if (behaviour.close) response.shouldKeepAlive = false;
  response.writeHead(behaviour.status ?? 200, behaviour.headers);
  const body = behaviour.body ?? 'ok';
  if (behaviour.drip) drip(body, behaviour.drip.everyMs, response);
  else response.end(body);
}

function drip(body: string | Buffer, everyMs: number, response: ServerResponse): void {
  response.write(body);
  const interval = setInterval(() => response.write(body), everyMs);
  response.on('close', () => clearInterval(interval));
}
