import { type Rule, TcpProxy } from '../../support/tcp-proxy.ts';
import type { TestContext } from '../conformance.ts';

/** A network between a store and its server, in a test's hands; closed when the test ends. */
export class Network {
  readonly #target: URL;
  readonly #proxy: TcpProxy;

  private constructor(target: URL, proxy: TcpProxy) {
    this.#target = target;
    this.#proxy = proxy;
  }

  static async open(context: TestContext, target: string): Promise<Network> {
    const url = new URL(target);
    const proxy = await TcpProxy.open({ host: url.hostname, port: Number(url.port) });
    context.after(() => proxy.close());
    return new Network(url, proxy);
  }

  /** The target's URL through it. */
  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${this.#proxy.port}`;
    return url.href;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#proxy.size;
  }

  /** From now on nothing passes, in either direction, and neither side hears of the other's end. */
  hang(): void {
    this.#proxy.hang();
  }

  /** What comes passes again, over new connections; those of before stay dead without a word. */
  heal(): void {
    this.#proxy.heal();
  }

  /** Hangs a connection as soon as it has passed on what contains `text` to the server. */
  hangAfter(text: string): void {
    this.#proxy.rule = ruleAt(text, 'pass-and-hang');
  }

  /** Breaks a connection instead of passing on what contains `text` to the server. */
  cutAt(text: string): void {
    this.#proxy.rule = ruleAt(text, 'cut');
  }
}

function ruleAt(text: string, passage: 'cut' | 'pass-and-hang'): Rule {
  return ({ bytes, to }) => (to === 'server' && bytes.includes(text) ? passage : 'pass');
}
