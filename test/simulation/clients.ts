import { cancelTimer, editTimer, fireTimer, resolveTimer, retryTimer } from '../../src/api/core/change.ts';
import { type Accepted, createTimer, createTimers, type Order } from '../../src/api/core/create.ts';
import { listTimers, readTimer } from '../../src/api/core/read.ts';
import { readStats } from '../../src/api/core/stats.ts';
import type { CoreDeps } from '../../src/api/deps.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { Delivery, Timer } from '../../src/timer/timer.ts';
import type { Chance } from '../support/chance.ts';
import { drawDelivery, type Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';

/** What a client knows of a request that it made. */
export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** Nothing was stored or changed: the service said so, or was not there. */
  | { readonly kind: 'refused'; readonly code: string }
  /** No answer, or one that promises nothing. */
  | { readonly kind: 'unknown' };

/** A request as its client saw it; instants true time. */
export interface Asked<T> {
  readonly startedAt: number;
  endedAt: number;
  answer: Answer<T>;
}

/** A timer that a client wants, and every try to get it. */
export interface Ordered {
  readonly number: number;
  readonly delivery: Delivery;
  readonly key: string | undefined;
  readonly tries: Asked<Accepted>[];
}

export type Verb = 'cancel' | 'edit' | 'fire' | 'retry' | 'resolveDone' | 'resolveFailed' | 'resolveRetry';

export interface Asking {
  readonly verb: Verb;
  readonly id: TimerId;
  readonly asked: Asked<Timer>;
}

export interface ClientsOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly plan: Plan;
  /** Brings work to an API, and its answer back, if all goes well. */
  readonly ask: <T>(work: (core: CoreDeps) => Promise<T>) => Promise<T>;
  readonly onFault: (fault: string) => void;
}

const certain: ReadonlySet<string> = new Set([
  'overloaded',
  'store_unavailable',
  'store_full',
  'idempotency_conflict',
  'not_found',
  'too_late',
  'already_ended',
  'not_ended',
  'changed_meanwhile',
  'unreachable',
]);

const verbs: readonly Verb[] = [
  'cancel',
  'cancel',
  'edit',
  'edit',
  'fire',
  'fire',
  'retry',
  'resolveDone',
  'resolveFailed',
  'resolveRetry',
];

/** Those who use the service, and what they were told. */
export class Clients {
  readonly orders: Ordered[] = [];
  readonly askings: Asking[] = [];
  /** Timers of which somebody knows the id. */
  readonly known: TimerId[] = [];
  readonly #options: ClientsOptions;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Schedules everything that they will do. */
  begin(): void {
    const { scheduler, chance, plan } = this.#options;
    for (let made = 0; made < plan.orders; ) {
      const together = chance.hits(plan.batched) ? chance.whole(2, 6) : 1;
      const orders = Array.from({ length: together }, () => this.#newOrder());
      made += together;
      scheduler.after(chance.between(0, plan.faultyMs), () => void this.#order(orders));
    }
    for (let verb = 0; verb < plan.verbs; verb++) {
      scheduler.after(chance.between(0, plan.faultyMs * 1.1), () => void this.#verb());
    }
    for (let look = 0; look < 3; look++) scheduler.after(chance.between(0, plan.faultyMs), () => void this.#look());
  }

  /** One more timer, for a receiver that nobody else uses. */
  probe(delayMs: number): Ordered {
    const order = { number: this.orders.length, delivery: 'at-least-once', key: undefined, tries: [] } as const;
    const probe: Ordered = { ...order, tries: [] };
    this.orders.push(probe);
    void this.#create([{ ordered: probe, request: requestOf(probe, { destination: 'http://probe.test', delayMs }) }]);
    return probe;
  }

  #newOrder(): Ordered {
    const { chance, plan } = this.#options;
    const number = this.orders.length;
    const key = chance.hits(plan.keyed) ? `k${number}` : undefined;
    const order: Ordered = { number, delivery: drawDelivery(chance, plan), key, tries: [] };
    this.orders.push(order);
    return order;
  }

  async #order(orders: readonly Ordered[]): Promise<void> {
    const { scheduler, chance, plan } = this.#options;
    const wanted = orders.map((ordered) => {
      const destination = `http://r${chance.whole(0, plan.moods.length - 1)}.test`;
      const delayMs = chance.hits(0.3) ? chance.between(0, 1_500) : chance.between(0, plan.delayMsMax);
      const policy = drawPolicy(chance);
      return { ordered, request: { ...requestOf(ordered, { destination, delayMs }), ...policy } };
    });
    await this.#create(wanted);
    // Whoever has a key asks until there is an answer, and sometimes once more though there was one.
    for (let tries = 1; tries < 12; tries++) {
      const again = wanted.filter(
        ({ ordered: { key, tries: all } }) => key && (all.at(-1)!.answer.kind !== 'ok' || chance.hits(0.1)),
      );
      if (again.length === 0) return;
      await new Promise<void>((resolve) => void scheduler.after(chance.between(0, 3_000), resolve));
      await this.#create(again);
    }
  }

  async #create(wanted: readonly Wanted[]): Promise<void> {
    const asked = wanted.map(({ ordered }) => this.#note(ordered.tries));
    const orders: Order[] = wanted.map(({ ordered, request }) => ({ request, key: ordered.key }));
    const answers = await this.#answersOf(orders);
    for (const [index, one] of asked.entries()) {
      this.#end(one, answers[index]!);
      if (one.answer.kind === 'ok') this.known.push(one.answer.value.id);
    }
  }

  async #answersOf(orders: readonly Order[]): Promise<Answer<Accepted>[]> {
    const { ask } = this.#options;
    if (orders.length === 1) return [await this.#answerOf(ask((core) => createTimer(core, orders[0]!)))];
    const whole = await this.#answerOf(ask((core) => createTimers(core, orders)));
    if (whole.kind !== 'ok') return orders.map(() => whole);
    return whole.value.map((result) =>
      result instanceof PunctualError ? answerFor(result) : { kind: 'ok', value: result },
    );
  }

  async #verb(): Promise<void> {
    const { chance, ask } = this.#options;
    if (this.known.length === 0) return;
    const id = chance.hits(0.5) ? this.known.at(-1)! : chance.pick(this.known);
    const verb = chance.pick(verbs);
    const seconds = chance.whole(0, 8);
    const work: Record<Verb, (core: CoreDeps) => Promise<Timer>> = {
      cancel: (core) => cancelTimer(core, id),
      edit: (core) => editTimer(core, id, { seconds }),
      fire: (core) => fireTimer(core, id),
      retry: (core) => retryTimer(core, id),
      resolveDone: (core) => resolveTimer(core, id, 'done'),
      resolveFailed: (core) => resolveTimer(core, id, 'failed'),
      resolveRetry: (core) => resolveTimer(core, id, 'retry'),
    };
    const asked = this.#note<Timer>();
    this.askings.push({ verb, id, asked });
    this.#end(asked, await this.#answerOf(ask(work[verb])));
  }

  /** Reads, which must hold together at any moment. */
  async #look(): Promise<void> {
    const { chance, ask, onFault } = this.#options;
    const stats = await this.#answerOf(ask((core) => readStats(core)));
    if (stats.kind === 'ok' && !stats.value.identityHolds)
      onFault(`the identity of /stats does not hold: ${JSON.stringify(stats.value.counts)}`);
    const page = await this.#answerOf(ask((core) => listTimers(core, { limit: 10 })));
    if (page.kind === 'ok' && new Set(page.value.timers.map(({ id }) => id)).size < page.value.timers.length)
      onFault('a list shows a timer twice');
    const id = chance.pick(this.known);
    if (id) await this.#answerOf(ask((core) => readTimer(core, id)));
  }

  #note<T>(list?: Asked<T>[]): Asked<T> {
    const asked: Asked<T> = {
      startedAt: this.#options.scheduler.now,
      endedAt: Number.POSITIVE_INFINITY,
      answer: { kind: 'unknown' },
    };
    list?.push(asked);
    return asked;
  }

  #end<T>(asked: Asked<T>, answer: Answer<T>): void {
    asked.answer = answer;
    // What is unknown may take effect later.
    if (answer.kind !== 'unknown') asked.endedAt = this.#options.scheduler.now;
  }

  async #answerOf<T>(reply: Promise<T>): Promise<Answer<T>> {
    try {
      return { kind: 'ok', value: await reply };
    } catch (error) {
      if (!isExpected(error)) this.#options.onFault(`a request failed: ${String(error)}`);
      return answerFor(error);
    }
  }
}

/** Why a request has no answer: nobody knows what became of it; or nobody was there to take it. */
export const unheard = new Error('no answer');
export const notThere = new Error('nobody listens');

function isExpected(error: unknown): boolean {
  if (error instanceof PunctualError) return certain.has(error.code) || error.code === 'commit_unknown';
  return error === unheard || error === notThere;
}

function answerFor(error: unknown): Answer<never> {
  if (error === notThere) return { kind: 'refused', code: 'unreachable' };
  if (error instanceof PunctualError && certain.has(error.code)) return { kind: 'refused', code: error.code };
  return { kind: 'unknown' };
}

interface Wanted {
  readonly ordered: Ordered;
  readonly request: Order['request'];
}

function requestOf(
  { number, delivery }: Ordered,
  { destination, delayMs }: { destination: string; delayMs: number },
): Order['request'] {
  return { url: `${destination}/o/${number}`, delay: `PT${(delayMs / 1_000).toFixed(3)}S`, delivery };
}

function drawPolicy(chance: Chance): Pick<Order['request'], 'retry' | 'timeout'> {
  return {
    retry: {
      max_attempts: chance.whole(1, 6),
      initial: chance.pick(['PT0.1S', 'PT1S']),
      max: 'PT4S',
      factor: chance.pick([1, 3]),
    },
    timeout: chance.pick(['PT1S', 'PT5S', 'PT9S']),
  };
}
