import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../src/timer/timer.ts';
import { type Answer, CreateClient } from './create-client.ts';
import { percentilesOf } from './percentiles.ts';

/** What is known of a timer whose create was answered with 201. */
export interface Accepted {
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  readonly delivery: Delivery;
}

export type AcceptedById = Map<string, Accepted>;

export interface LoadOptions {
  readonly apis: readonly string[];
  readonly perSecond: number;
  /** Timers are due between these after their create, evenly spread. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly receiverUrl: string;
  /**
   * Each create has an idempotency key, and is repeated until it is answered with 201. One without a key is asked once: what is refused is
   * counted, and where nobody knows whether it was stored, that is counted too.
   */
  readonly keyed: boolean;
}

/** How the creates went. */
export interface LoadFigures {
  readonly creates: number;
  /** Answers 503 by their code, and connections that were refused or broke, as `connection`. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly createMsP50: number;
  readonly createMsP99: number;
  /** The longest that a client waited for one answer, whatever it was. */
  readonly answerMsMax: number;
}

/** Clients that create timers at an even rate, each by a request of its own, from the start until they are told to stop. */
export class Load {
  readonly accepted: AcceptedById = new Map();
  /** What no client should ever see. */
  readonly faults = new Set<string>();
  /** Creates without a key of which nobody knows whether they were stored. */
  unknown = 0;
  readonly #options: LoadOptions;
  readonly #client: CreateClient;
  readonly #refusals: Record<string, number> = {};
  readonly #answerMs: number[] = [];
  readonly #running: Promise<void>;
  #started = 0;
  #stopping = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#client = new CreateClient(options.apis);
    this.#running = this.#run();
  }

  /** Starts no more, and waits until all have their answers. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await this.#client.close();
  }

  figures(): LoadFigures {
    const { p50, p99, max } = percentilesOf(this.#answerMs);
    const refusals = { ...this.#refusals };
    return { creates: this.#started, refusals, createMsP50: p50, createMsP99: p99, answerMsMax: max };
  }

  async #run(): Promise<void> {
    const startedAt = performance.now();
    const creates = new Set<Promise<void>>();
    while (!this.#stopping) {
      const wanted = ((performance.now() - startedAt) / 1_000) * this.#options.perSecond;
      while (this.#started < wanted) {
        const create = this.#create(this.#started++).finally(() => creates.delete(create));
        creates.add(create);
      }
      await delay(1);
    }
    await Promise.all(creates);
  }

  async #create(number: number): Promise<void> {
    const { delayMsMin, delayMsMax, receiverUrl: url, keyed } = this.#options;
    const delayMs = delayMsMin + Math.floor(Math.random() * (delayMsMax - delayMsMin));
    const body = JSON.stringify({ delay: `${delayMs}ms`, url });
    for (let turn = number; ; turn++) {
      const answer = await this.#client.create(turn, { body, ...(keyed ? { key: `chaos-${number}` } : {}) });
      this.#note(answer);
      if (answer.kind === 'created' || answer.kind === 'wrong') return;
      if (!keyed) return;
      await delay(answer.retryAfterMs);
    }
  }

  #note(answer: Answer): void {
    this.#answerMs.push(answer.tookMs);
    if (answer.kind === 'created') this.accepted.set(answer.id, { dueAt: answer.dueAt, delivery: 'at-least-once' });
    else if (answer.kind === 'wrong') this.faults.add(answer.why);
    else {
      this.#refusals[answer.code] = (this.#refusals[answer.code] ?? 0) + 1;
      if (answer.code === 'commit_unknown' || answer.code === 'connection') this.unknown += 1;
    }
  }
}
