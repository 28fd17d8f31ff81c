import { setTimeout as delay } from 'node:timers/promises';
import type { Chance } from '../../support/chance.ts';
import type { Change, Order, Try } from '../../support/checker/evidence.ts';
import { ApiClient, type Reply } from './api-client.ts';
import { type OrderPlan, type PlannedChange, planOrder } from './order-plan.ts';

export interface MixedLoadOptions {
  readonly apis: readonly string[];
  readonly perSecond: number;
  /** Timers are due between now and this far ahead. */
  readonly spanMs: number;
  /** Calls go to it, with the order's number behind. */
  readonly receiverUrl: string;
  readonly chance: Chance;
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };
type OpenOrder = Omit<Order, 'tries' | 'changes'> & { readonly tries: Try[]; readonly changes: Change[] };

/** Of the store's time a service goes by the earliest that it can be, and does nothing while it knows it less well than this, in milliseconds. */
const clockDoubtMsMax = 1_000;
/** A client that was refused asks again after this at most, whatever it was told: harms do not last. */
const pauseMsMax = 1_000;
const pauseMsMin = 250;

/** Failures are short, since a harm is; and many, since there are many harms. */
const retry = { initial: '200ms', max: '2s', factor: 2, max_attempts: 60 };
const timeout = '5s';

/** Clients of every kind, which want timers at an even rate and write down what they were told. */
export class MixedLoad {
  readonly orders: Order[] = [];
  /** What no client should ever see. */
  readonly faults = new Set<string>();
  /** Answers other than success, by what they said. */
  readonly refusals: Writable<Readonly<Record<string, number>>> = {};
  readonly #options: MixedLoadOptions;
  readonly #client: ApiClient;
  readonly #running: Promise<void>;
  #stopping = false;

  constructor(options: MixedLoadOptions) {
    this.#options = options;
    this.#client = new ApiClient(options.apis);
    this.#running = this.#run();
  }

  /** Begins no more orders, and waits until those that were begun have come to their end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { perSecond, chance, spanMs } = this.#options;
    const startedAt = performance.now();
    const open = new Set<Promise<void>>();
    while (!this.#stopping) {
      const wanted = ((performance.now() - startedAt) / 1_000) * perSecond;
      while (this.orders.length < wanted) {
        const order = this.#serve(planOrder(chance, this.orders.length, spanMs)).finally(() => open.delete(order));
        open.add(order);
      }
      await delay(2);
    }
    await Promise.all(open);
  }

  async #serve(plan: OrderPlan): Promise<void> {
    const { number, delivery, keyed } = plan;
    const order: OpenOrder = { number, delivery, keyed, tries: [], changes: [] };
    this.orders.push(order);
    const id = await this.#create(plan, order);
    if (id === undefined) return;
    for (const change of plan.changes) {
      await delay(change.afterMs);
      await this.#change(id, change, order);
    }
  }

  /** Asks once, or with a key until it is told of a timer; gives its id. */
  async #create(plan: OrderPlan, { tries }: OpenOrder): Promise<string | undefined> {
    const { number, keyed, delayMs, byInstant, delivery } = plan;
    const at = Date.now() + delayMs;
    const when = byInstant ? { at: new Date(at).toISOString() } : { delay: `${delayMs}ms` };
    const body = { ...when, url: `${this.#options.receiverUrl}/${number}`, delivery, retry, timeout };
    for (;;) {
      const ask = { method: 'POST', path: '/timers', body, ...(keyed ? { key: `mixed-${number}` } : {}) } as const;
      const reply = await this.#ask(number + tries.length, ask);
      const { startedAt, endedAt } = reply;
      const dueAtMin = byInstant ? at : startedAt + delayMs - clockDoubtMsMax;
      tries.push({ startedAt, endedAt, dueAtMin, answer: answerOf(reply) });
      if (reply.kind === 'ok') return reply.timer.id;
      if (reply.kind === 'wrong' || !keyed) return undefined;
      await delay(Math.min(pauseMsMax, Math.max(pauseMsMin, reply.retryAfterMs ?? 0)));
    }
  }

  async #change(id: string, { what, delayMs }: PlannedChange, { number, changes }: OpenOrder): Promise<void> {
    const path = `/timers/${id}`;
    const reply = await this.#ask(
      number + changes.length,
      what === 'reschedule'
        ? { method: 'PATCH', path, body: { delay: `${delayMs}ms` } }
        : { method: 'POST', path: `${path}/${what}` },
    );
    const { startedAt, endedAt } = reply;
    const dueAtMin = startedAt + (what === 'reschedule' ? delayMs : 0) - clockDoubtMsMax;
    const told = answerOf(reply);
    // What a fire or a cancel answers as the due time is the one before.
    const answer = told.kind === 'ok' && what !== 'reschedule' ? { ...told, dueAt: dueAtMin } : told;
    changes.push({ what, startedAt, endedAt, dueAtMin, answer });
  }

  async #ask(turn: number, ask: Parameters<ApiClient['ask']>[1]): Promise<Reply> {
    const reply = await this.#client.ask(turn, ask);
    if (reply.kind === 'wrong') this.faults.add(`${ask.method} ${ask.path} was ${reply.why}`);
    else if (reply.kind !== 'ok') this.refusals[reply.code] = (this.refusals[reply.code] ?? 0) + 1;
    return reply;
  }
}

function answerOf(reply: Reply): Try['answer'] {
  if (reply.kind === 'ok') return { kind: 'ok', ...reply.timer };
  // Of what must not happen nobody knows what it did.
  return { kind: reply.kind === 'wrong' ? 'unknown' : reply.kind };
}
