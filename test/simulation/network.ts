import type { Dispatcher } from 'undici';
import type { TimerId } from '../../src/timer/id.ts';
import type { HttpAgent } from '../../src/webhook/http-sender.ts';
import type { Chance } from '../support/chance.ts';
import type { Life } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

/** How a receiver behaves; probabilities for each call, spans in milliseconds. */
export interface ReceiverMood {
  readonly latencyMs: number;
  /** No connection: refused at once, or never answered. */
  readonly refuses: number;
  readonly unreachable: number;
  /** The connection is reset while the request is written: before the receiver has it, or after. */
  readonly resetsBefore: number;
  readonly resetsAfter: number;
  /** It takes the request, and never answers; or answers only after so long. */
  readonly hangs: number;
  readonly slow: number;
  readonly slowMsMax: number;
  /** The body drips, and does not end in time or breaks off. */
  readonly drips: number;
  /** It answers with one of `statuses` instead of 200. */
  readonly fails: number;
  readonly statuses: readonly number[];
  /** A Retry-After of up to so many seconds goes with 429 and 503. */
  readonly retryAfterSecondsMax: number;
}

/** A call of which at least one byte may have left, as the world saw it; instants true time. */
export interface Sent {
  /** From the path that the order named, and what was appended to it. */
  readonly order: number;
  readonly id: string;
  readonly webhookId: string;
  readonly machine: string;
  readonly sentAt: number;
  /** What the clock of the timer's database said then. */
  readonly storeTime: number;
  arrivedAt?: number;
  /** What the receiver answered, and when the process had it. */
  status?: number;
  answeredAt?: number;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly moodOf: (destination: string) => ReceiverMood;
  /** What the clock of the database says in which the timer lives. */
  readonly storeTimeOf: (id: TimerId) => number;
  /** Told of what happens to a call. */
  readonly onEvent: (sent: Sent, event: string) => void;
}

type Handler = Dispatcher.DispatchHandler;

const connectMsMax = 10_000;

/** The network between processes and receivers, with the receivers. */
export class Network {
  readonly sent: Sent[] = [];
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** What carries the requests of a process. */
  agent(life: Life): HttpAgent {
    const exchanges = new Set<Exchange>();
    return {
      dispatch: ({ origin, path, headers }, handler) => {
        if (!life.crosses()) return true;
        const exchange = new Exchange({
          ...this.#options,
          life,
          handler,
          sent: this.sent,
          onEnd: () => exchanges.delete(exchange),
        });
        exchanges.add(exchange);
        exchange.begin(String(origin), path, headers as string[]);
        return true;
      },
      destroy: async (reason?: unknown) => {
        for (const exchange of exchanges)
          exchange.fail(reason instanceof Error ? reason : errorWith('UND_ERR_DESTROYED'));
      },
    } as HttpAgent;
  }
}

interface ExchangeOptions extends NetworkOptions {
  readonly life: Life;
  readonly handler: Handler;
  readonly sent: Sent[];
  readonly onEnd: () => void;
}

/** One request and its response, told to the handler as undici tells them. */
class Exchange implements Dispatcher.DispatchController {
  readonly #options: ExchangeOptions;
  #started = false;
  #ended = false;
  aborted = false;
  paused = false;
  reason: Error | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  begin(destination: string, path: string, headers: readonly string[]): void {
    const { chance, moodOf } = this.#options;
    const mood = moodOf(destination);
    const wayMs = chance.mostlyShort(mood.latencyMs);
    if (chance.hits(mood.refuses)) {
      this.#failAfter(wayMs, 'ECONNREFUSED');
      return;
    }
    if (chance.hits(mood.unreachable)) {
      this.#failAfter(connectMsMax, 'UND_ERR_CONNECT_TIMEOUT');
      return;
    }
    // A connection that is kept alive is there at once.
    if (chance.hits(0.5)) this.#write(mood, path, headers);
    else this.#arrive(wayMs, () => this.#write(mood, path, headers));
  }

  abort(reason: Error): void {
    this.aborted = true;
    this.fail(reason);
  }

  pause(): void {}

  resume(): void {}

  fail(error: Error): void {
    if (this.#ended) return;
    this.#end();
    const { handler } = this.#options;
    // undici tells of it in a later turn.
    this.#options.life.post(0, () => handler.onResponseError?.(this.#started ? this : (null as never), error));
  }

  #write(mood: ReceiverMood, path: string, headers: readonly string[]): void {
    const { life, handler, scheduler, chance } = this.#options;
    try {
      handler.onRequestStart?.(this, undefined);
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    if (!life.crosses()) return;
    this.#started = true;
    const [, , order, id] = path.split('/');
    const webhookId = headers[headers.indexOf('webhook-id') + 1]!;
    const storeTime = this.#options.storeTimeOf(id as TimerId);
    const sent: Sent = {
      order: Number(order),
      id: id!,
      webhookId,
      machine: life.machine,
      sentAt: scheduler.now,
      storeTime,
    };
    this.#options.sent.push(sent);
    this.#options.onEvent(sent, 'leaves');
    const wayMs = chance.mostlyShort(mood.latencyMs);
    if (chance.hits(mood.resetsBefore)) {
      this.#failAfter(wayMs, 'ECONNRESET');
      return;
    }
    scheduler.after(wayMs, () => {
      sent.arrivedAt = scheduler.now;
      this.#options.onEvent(sent, 'arrives');
      if (chance.hits(mood.resetsAfter))
        return this.#failAfter(wayMs, chance.pick(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE']));
      if (chance.hits(mood.hangs)) return;
      this.#answer(mood, sent);
    });
  }

  /** The receiver answers; whether that is heard is another matter. */
  #answer(mood: ReceiverMood, sent: Sent): void {
    const { chance, scheduler, life } = this.#options;
    const afterMs = chance.hits(mood.slow) ? chance.between(0, mood.slowMsMax) : chance.mostlyShort(mood.latencyMs);
    scheduler.after(afterMs, () => {
      const status = chance.hits(mood.fails) ? chance.pick(mood.statuses) : chance.pick([200, 200, 202, 204]);
      sent.status = status;
      const asksToWait = (status === 429 || status === 503) && mood.retryAfterSecondsMax > 0;
      const headers = asksToWait ? { 'retry-after': String(chance.whole(0, mood.retryAfterSecondsMax)) } : {};
      this.#arrive(chance.mostlyShort(mood.latencyMs), () => {
        if (!life.crosses()) return;
        sent.answeredAt = scheduler.now;
        this.#options.onEvent(sent, `is heard to be answered with ${status}`);
        this.#options.handler.onResponseStart?.(this, status, headers);
        this.#body(mood);
      });
    });
  }

  #body(mood: ReceiverMood): void {
    const { chance, handler } = this.#options;
    if (!chance.hits(mood.drips)) {
      this.#complete();
      return;
    }
    const drip = (left: number) => {
      handler.onResponseData?.(this, Buffer.from('.'));
      if (this.#ended) return;
      if (left === 0) this.fail(errorWith('ECONNRESET'));
      else this.#arrive(chance.between(1, 600), () => drip(left - 1));
    };
    drip(chance.whole(0, 20));
  }

  #complete(): void {
    this.#end();
    this.#options.handler.onResponseEnd?.(this, {});
  }

  #failAfter(delayMs: number, code: string): void {
    this.#arrive(delayMs, () => this.fail(errorWith(code)));
  }

  /** Something comes back to the process, unless the exchange is over by then. */
  #arrive(delayMs: number, run: () => void): void {
    this.#options.life.post(delayMs, () => {
      if (!this.#ended) run();
    });
  }

  #end(): void {
    this.#ended = true;
    this.#options.onEnd();
  }
}

function errorWith(code: string): Error {
  return Object.assign(new Error(code), { code });
}
