import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../clock/clock.ts';
import { targetUrl } from '../timer/destination.ts';
import { formatInstant } from '../timer/instant.ts';
import { Exchange } from './exchange.ts';
import { stoppedCode } from './failure.ts';
import type { Call, Sender, Sent } from './sender.ts';
import type { TargetGuard } from './target-guard.ts';

export interface HttpSenderOptions {
  readonly clock: Clock;
  readonly guard: TargetGuard;
  /** Punctual's version, for the user-agent. */
  readonly version: string;
  /** At most this many connections to one destination: as many as its lane may have calls on the wire. */
  readonly connectionsPerDestination?: number;
  /** What carries the requests: a seam for the simulator. */
  readonly agent?: HttpAgent;
}

/** As much of an undici Agent as sending takes. */
export type HttpAgent = Pick<Dispatcher, 'dispatch' | 'destroy'>;

/** A connection that does not come about within this is given up; a timer's own timeout may be shorter. In milliseconds. */
const connectTimeoutMs = 10_000;

/**
 * Idle connections are closed after this, in milliseconds. Many servers close theirs after 5 s (Node's http does): we must be first, since
 * a call that is written while the server closes has an unknown outcome.
 */
const keepAliveMs = 4_000;

/** Larger response headers break the exchange off, in bytes. */
const responseHeaderBytesMax = 16_384;

/** Sends calls over HTTP/1.1 with undici. */
export class HttpSender implements Sender {
  readonly #clock: Clock;
  readonly #guard: TargetGuard;
  readonly #userAgent: string;
  readonly #agent: HttpAgent;
  #open = 0;
  #onNoneOpen: (() => void) | undefined;

  constructor(options: HttpSenderOptions) {
    this.#clock = options.clock;
    this.#guard = options.guard;
    this.#userAgent = `Punctual/${options.version}`;
    this.#agent = options.agent ?? agentFor(options);
  }

  send(call: Call): Promise<Sent> {
    this.#open++;
    return new Promise((resolve) => {
      this.#exchange(call, (sent) => {
        resolve(sent);
        this.#open--;
        if (this.#open === 0) this.#onNoneOpen?.();
      });
    });
  }

  cutOff(): void {
    void this.#agent.destroy(Object.assign(new Error('Punctual was stopped'), { code: stoppedCode }));
  }

  async close(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onNoneOpen = resolve));
    await this.#agent.destroy();
  }

  #exchange(call: Call, resolve: (sent: Sent) => void): void {
    const { timer, destination } = call;
    const exchange = new Exchange({
      number: call.number,
      timeoutMs: timer.spec.timeoutMs,
      clock: this.#clock,
      mayLeave: call.mayLeave,
      resolve,
    });
    const refused = this.#guard.refusedLiteral(destination);
    if (refused === undefined) this.#dispatch(call, exchange);
    else exchange.block(refused);
  }

  #dispatch(call: Call, exchange: Exchange): void {
    const { timer, destination } = call;
    try {
      this.#agent.dispatch(
        {
          origin: destination,
          path: targetUrl(timer.spec, timer.id).slice(destination.length),
          method: timer.spec.method,
          headers: this.#headers(call),
          body: timer.spec.body,
        },
        exchange,
      );
    } catch (error) {
      exchange.onResponseError(null, error);
    }
  }

  /** Names and values in turn. */
  #headers({ timer, number }: Call): string[] {
    const own = timer.spec.headers;
    const headers = [
      'webhook-id',
      timer.id,
      'webhook-timestamp',
      String(Math.floor(this.#clock.now() / 1000)),
      'punctual-attempt',
      String(number),
      'punctual-due-at',
      formatInstant(timer.dueAt),
      'accept-encoding',
      'identity',
    ];
    if (own['user-agent'] === undefined) headers.push('user-agent', this.#userAgent);
    for (const name in own) headers.push(name, own[name]!);
    return headers;
  }
}

function agentFor({ guard, connectionsPerDestination }: HttpSenderOptions): Agent {
  return new Agent({
    connections: connectionsPerDestination ?? 64,
    // One request at a time on a connection: undici sends pipelined requests again by itself when the connection breaks.
    pipelining: 1,
    allowH2: false,
    connectTimeout: connectTimeoutMs,
    connect: { lookup: guard.lookup },
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    keepAliveTimeoutThreshold: 1_000,
    maxHeaderSize: responseHeaderBytesMax,
    // The exchange has one deadline of its own for everything.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
