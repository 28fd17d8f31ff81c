import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from '../conformance.ts';

/** A connection of a client's to this network, and the one to the server that belongs to it. */
type Pair = readonly [client: Socket, server: Socket];

/** A network between a store and its server, in a test's hands; closed when the test ends. */
export class Network {
  readonly #server: Server;
  readonly #target: URL;
  readonly #pairs = new Set<Pair>();
  #hangs = false;
  #cutAt: string | undefined;
  #hangAfter: string | undefined;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  static async open(context: TestContext, target: string): Promise<Network> {
    const network = new Network(new URL(target));
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    context.after(() => {
      network.#server.close();
      for (const socket of [...network.#pairs].flat()) socket.destroy();
    });
    return network;
  }

  /** The target's URL through it. */
  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#pairs.size;
  }

  /** From now on nothing passes, in either direction, and neither side hears of the other's end. */
  hang(): void {
    this.#hangs = true;
    for (const pair of this.#pairs) silence(pair);
  }

  /** What comes passes again, over new connections; those of before stay dead without a word. */
  heal(): void {
    this.#hangs = false;
  }

  /** Hangs a connection as soon as it has passed on what contains `text` to the server. */
  hangAfter(text: string): void {
    this.#hangAfter = text;
  }

  /** Breaks a connection instead of passing on what contains `text` to the server. */
  cutAt(text: string): void {
    this.#cutAt = text;
  }

  #join(client: Socket): void {
    const pair: Pair = [client, connect(Number(this.#target.port), this.#target.hostname)];
    const [, server] = pair;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => this.#end(pair));
    }
    server.on('data', (bytes) => client.write(bytes));
    client.on('data', (bytes) => {
      if (this.#cutAt !== undefined && bytes.includes(this.#cutAt)) this.#end(pair);
      else server.write(bytes);
      if (this.#hangAfter !== undefined && bytes.includes(this.#hangAfter)) silence(pair);
    });
    if (this.#hangs) silence(pair);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  }
}

function silence(pair: Pair): void {
  for (const socket of pair) {
    socket.removeAllListeners('data');
    socket.removeAllListeners('close');
    socket.pause();
  }
}
