import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What becomes of some bytes, and of their connection after them: `cut` breaks both sides, `hang` lets nothing pass any more without a word.
 * `pass-half-and-cut` lets the first half of the bytes through. `hold-and-cut` passes nothing on from here, and breaks when the other side
 * has said all that it had to say.
 */
export type Passage = 'pass' | 'cut' | 'pass-and-cut' | 'pass-half-and-cut' | 'hang' | 'pass-and-hang' | 'hold-and-cut';

/** Bytes on their way. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly to: 'server' | 'client';
  readonly link: Link;
}

/** Decides about bytes as they come. */
export type Rule = (chunk: Chunk) => Passage;

/** A side that has said nothing for so long has said all, in milliseconds. */
const quietMs = 30;

/** A server's address. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A network between clients and a server, in a test's hands. */
export class TcpProxy {
  /** While it is above 0, all bytes take this long, in milliseconds, and those of one direction after each other. */
  delayMs = 0;
  /** All passes, unless this says otherwise. */
  rule: Rule = () => 'pass';
  readonly #server: Server;
  readonly #target: Target;
  readonly #onLink: (link: Link) => void;
  readonly #links = new Set<Link>();
  #hangs = false;

  private constructor(target: Target, onLink: (link: Link) => void) {
    this.#target = target;
    this.#onLink = onLink;
    this.#server = createServer((client) => this.#join(client));
  }

  /** `onLink` is told of each connection as soon as it has reached the server. */
  static async open(target: Target, onLink: (link: Link) => void = () => undefined): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, onLink);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#links.size;
  }

  /** From now on nothing passes, in either direction, and neither side hears of the other's end. */
  hang(): void {
    this.#hangs = true;
    for (const link of this.#links) link.hang();
  }

  /** What comes passes again, over new connections; those of before stay dead without a word. */
  heal(): void {
    this.#hangs = false;
  }

  /** As `heal`, and those of before go on with what they had kept back. */
  resume(): void {
    this.heal();
    for (const link of this.#links) link.resume();
  }

  /** Breaks all connections that there are. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(client: Socket): void {
    const link = new Link(client, connect(this.#target.port, this.#target.host), this);
    this.#links.add(link);
    link.onEnd = () => this.#links.delete(link);
    link.server.once('connect', () => this.#onLink(link));
    if (this.#hangs) link.hang();
  }
}

/** A client's connection to the proxy, and the one to the server that belongs to it. */
export class Link {
  readonly client: Socket;
  readonly server: Socket;
  onEnd = () => {};
  readonly #proxy: TcpProxy;
  #hangs = false;
  #holds = false;
  #cutSoon: NodeJS.Timeout | undefined;

  constructor(client: Socket, server: Socket, proxy: TcpProxy) {
    this.client = client;
    this.server = server;
    this.#proxy = proxy;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#hangs || this.cut());
    }
    this.#carry(client, 'server');
    this.#carry(server, 'client');
  }

  hang(): void {
    this.#hangs = true;
    this.client.pause();
    this.server.pause();
  }

  resume(): void {
    if (!this.#hangs) return;
    this.#hangs = false;
    if (this.client.destroyed || this.server.destroyed) this.cut();
    this.client.resume();
    this.server.resume();
  }

  cut(): void {
    clearTimeout(this.#cutSoon);
    this.client.destroy();
    this.server.destroy();
    this.onEnd();
  }

  #carry(from: Socket, to: Chunk['to']): void {
    let last = Promise.resolve();
    let underWay = 0;
    from.on('data', (bytes: Buffer) => {
      const { delayMs } = this.#proxy;
      if (delayMs === 0 && underWay === 0) {
        this.#decide({ bytes, to, link: this });
        return;
      }
      underWay++;
      last = last.then(async () => {
        await delay(delayMs);
        underWay--;
        this.#decide({ bytes, to, link: this });
      });
    });
  }

  #decide(chunk: Chunk): void {
    const passage = this.#holds && chunk.to === 'client' ? 'hold-and-cut' : this.#proxy.rule(chunk);
    if (passage === 'hold-and-cut') this.#hold();
    else if (passage === 'cut') this.cut();
    else if (passage.startsWith('pass')) this.#pass(chunk, passage);
    if (passage.endsWith('hang')) this.hang();
  }

  #pass({ bytes, to }: Chunk, passage: Passage): void {
    const passed = passage === 'pass-half-and-cut' ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes;
    this[to].write(passed, () => {
      if (passage.endsWith('cut')) this.#cutBehind(to);
    });
  }

  /** The bytes are in the system's hands: the end behind them arrives as one in order, after them. */
  #cutBehind(to: Chunk['to']): void {
    this[to].end();
    this[to === 'server' ? 'client' : 'server'].destroy();
  }

  #hold(): void {
    this.#holds = true;
    clearTimeout(this.#cutSoon);
    this.#cutSoon = setTimeout(() => this.cut(), quietMs);
  }
}
