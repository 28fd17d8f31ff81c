import type { Accepted } from '../../src/api/core/create.ts';
import type { TimerId } from '../../src/timer/id.ts';
import { shardOf } from '../../src/timer/id.ts';
import type { Attempt } from '../../src/timer/outcome.ts';
import type { Timer } from '../../src/timer/timer.ts';
import { earliestDue } from '../support/checker/due-times.ts';
import type { Order as CheckedOrder } from '../support/checker/evidence.ts';
import type { Asked, Asking, Ordered, Verb } from './clients.ts';
import type { Database, TakeOver } from './database.ts';
import type { Interruption } from './machine.ts';
import type { Sent } from './network.ts';

/** What clients, databases, machines and receivers saw of a run; instants are true time in milliseconds unless said otherwise. */
export interface Evidence {
  readonly orders: readonly Ordered[];
  readonly askings: readonly Asking[];
  /** In order of time. */
  readonly sent: readonly Sent[];
  readonly databases: readonly Database[];
  /** Each `id claim` by which a controller took the call of another one, or of its own earlier claim, for lost. */
  readonly takenOver: ReadonlySet<string>;
  /** By machine. */
  readonly interruptions: ReadonlyMap<string, readonly Interruption[]>;
  /** Ended timers younger than this must still be there. */
  readonly historyMs: number;
  readonly probe: Ordered | undefined;
}

/** So late may a call be when nothing is wrong, in milliseconds. */
const latenessMsMax = 1_000;
/** A database's clock that was set back is noticed within this, in milliseconds; with troubles on the way, later. */
const stepNoticedMsMax = 15_000;
/** A lease may have begun so long before what it is blamed for, in milliseconds. */
const leaseMsMax = 20_000;

/** Checks each row of the promise (docs/guarantees.md). Gives a sentence for each thing that was broken. */
export async function judge(evidence: Evidence): Promise<string[]> {
  const court = new Court(evidence);
  await court.readTimers();
  return [
    ...court.accepted(),
    ...court.sends(),
    ...court.repeats(),
    ...court.takeOvers(),
    ...court.ends(),
    ...(await court.ledgers()),
    ...court.probe(),
  ];
}

class Court {
  readonly #evidence: Evidence;
  readonly #sentById: ReadonlyMap<string, readonly Sent[]>;
  readonly #askingsById: ReadonlyMap<TimerId, readonly Asking[]>;
  readonly #timers = new Map<TimerId, Timer | undefined>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#sentById = Map.groupBy(evidence.sent, ({ id }) => id);
    this.#askingsById = Map.groupBy(evidence.askings, ({ id }) => id);
  }

  async readTimers(): Promise<void> {
    const { orders, sent } = this.#evidence;
    const ids = new Set([...orders.flatMap(acceptedIds), ...sent.map(({ id }) => id as TimerId)]);
    for (const id of ids) this.#timers.set(id, await this.#databaseOf(id).store.get(id));
  }

  /** Accepted is durable, and what was refused is not there. */
  accepted(): string[] {
    const { orders, sent } = this.#evidence;
    const sentByOrder = Map.groupBy(sent, ({ order }) => order);
    return orders.flatMap((order) => {
      const faults: string[] = [];
      const accepted = new Set(acceptedIds(order));
      const called = new Set((sentByOrder.get(order.number) ?? []).map(({ id }) => id as TimerId));
      const made = accepted.union(called);
      // A key is forgotten with its timer.
      const kept = [...made].filter((id) => order.key === undefined || !this.#databaseOf(id).purgedAfterMs.has(id));
      if (kept.length > 1) faults.push(`order ${order.number} made several timers: ${[...made].join(', ')}`);
      if (called.size > 0 && order.tries.every(({ answer }) => answer.kind === 'refused'))
        faults.push(`order ${order.number} was refused, and called`);
      for (const id of accepted) {
        if (!this.#timers.get(id) && !this.#mayBePurged(id)) faults.push(`${id} was accepted, and is gone`);
      }
      return faults;
    });
  }

  /** Never early; cancel is a verdict; a recorded success is never sent again. */
  sends(): string[] {
    return this.#evidence.sent.flatMap((sent) => {
      const faults: string[] = [];
      const id = sent.id as TimerId;
      const earlyMs = earliestDue(this.#orderOf(sent), { id, arrivedAt: sent.sentAt }) - sent.storeTime;
      if (earlyMs > 0 && !this.#clockWasSet(sent, 'back'))
        faults.push(`${id} was called ${earlyMs.toFixed(3)} ms early`);
      if (sent.webhookId !== id) faults.push(`${id} was called with the webhook-id ${sent.webhookId}`);
      const doneAt = this.#databaseOf(id).doneAt.get(id);
      // By the time that it knew, its lease was good.
      if (doneAt !== undefined && doneAt < sent.sentAt && !this.#clockWasSet(sent, 'forward'))
        faults.push(`${id} was on record as done, and called again`);
      if (this.#asked(id, 'cancel').some(({ asked }) => asked.answer.kind === 'ok'))
        faults.push(`${id} was cancelled, and called`);
      return faults;
    });
  }

  /** Never twice, unless it had to be. */
  repeats(): string[] {
    return [...this.#sentById].flatMap(([id, calls]) => {
      const faults: string[] = [];
      for (const [index, call] of calls.slice(0, -1).entries()) {
        const next = calls[index + 1]!;
        if (this.#isOnce(id as TimerId, call)) faults.push(`${id} is at-most-once, and was called again`);
        else if (!this.#mayRepeat(call, next.sentAt))
          faults.push(`${id} was called again though its call at ${call.sentAt.toFixed(0)} was heard to succeed`);
      }
      return faults;
    });
  }

  /** A lease runs out only where its holder could not keep it. */
  takeOvers(): string[] {
    return this.#evidence.databases.flatMap((database) =>
      database.takeOvers
        .filter(({ id, claim }) => this.#evidence.takenOver.has(`${id} ${claim}`))
        .filter((takeOver) => !this.#isExplained(database, takeOver))
        .map(({ id, from, at }) => `${id} was taken over from ${from} at ${at.toFixed(0)} for no reason`),
    );
  }

  /** Everything has ended, as what happened to it. */
  ends(): string[] {
    return [...this.#timers.values()].flatMap((timer) => {
      if (!timer) return [];
      const wrong = this.#wrongEnd(timer);
      return wrong === undefined ? [] : [`${timer.id} is ${timer.ended?.status ?? 'not ended'}: ${wrong}`];
    });
  }

  async ledgers(): Promise<string[]> {
    const faults: string[] = [];
    for (const database of this.#evidence.databases) {
      const { store, number } = database;
      const now = Math.floor(database.time());
      const counts = await store.counts(now);
      const audit = await store.audit(now);
      const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
      if (accepted !== waiting + executing + done + failed + cancelled + uncertain + purged)
        faults.push(`the identity does not hold in shard ${number}: ${JSON.stringify(counts)}`);
      if (JSON.stringify(counts) !== JSON.stringify(audit))
        faults.push(`the ledger of shard ${number} is wrong: ${JSON.stringify({ counts, audit })}`);
      if (waiting + executing > 0) faults.push(`shard ${number} has ${waiting + executing} timers that did not end`);
    }
    return faults;
  }

  /** When nothing is wrong any more, timers are on time. */
  probe(): string[] {
    const { probe } = this.#evidence;
    const answer = probe?.tries[0]?.answer;
    if (answer?.kind !== 'ok') return [`the probe was not accepted: ${JSON.stringify(answer)}`];
    const { id, dueAt } = answer.value;
    const [call] = this.#sentById.get(id) ?? [];
    if (!call) return ['the probe was not called'];
    const lateMs = call.storeTime - dueAt;
    return lateMs > latenessMsMax ? [`the probe was called ${lateMs.toFixed(0)} ms late`] : [];
  }

  #wrongEnd(timer: Timer): string | undefined {
    const calls = this.#sentById.get(timer.id) ?? [];
    const last = timer.attempts.at(-1);
    // Of those that died one after another with the timer in their hands, only the last one's call is on record.
    const takeOvers = this.#databaseOf(timer.id).takeOvers.filter(({ id }) => id === timer.id).length;
    if (calls.length > timer.attemptsMade + Math.max(0, takeOvers - 1))
      return `${calls.length} calls, but ${timer.attemptsMade} attempts on record`;
    const reasons = { done: doneFor, cancelled: cancelledFor, failed: failedFor, uncertain: uncertainFor };
    if (!timer.ended) return 'it was to have an end';
    return reasons[timer.ended.status]({ timer, calls, last, perhaps: (verb) => this.#perhaps(timer.id, verb) });
  }

  /** What the checker of due times wants to know of the order that the call stems from. */
  #orderOf({ id, order }: Sent): CheckedOrder {
    const { number, delivery, key, tries } = this.#evidence.orders[order]!;
    const changes = (this.#askingsById.get(id as TimerId) ?? []).map(changeOf);
    return { number, delivery, keyed: key !== undefined, tries: tries.map(tryOf), changes };
  }

  /** Whether its database's clock was set so shortly before that the machine, while it ran, need not have noticed. */
  #clockWasSet({ id, machine, sentAt }: Sent, way: 'back' | 'forward'): boolean {
    return this.#databaseOf(id as TimerId).clockSteps.some(({ at, byMs }) => {
      const unnoticedMs = stepNoticedMsMax + this.#stoodStillMs(machine, { from: at, until: sentAt });
      const isThatWay = way === 'back' ? byMs < 0 : byMs > 0;
      return isThatWay && at <= sentAt && sentAt <= at + Math.abs(byMs) + unnoticedMs;
    });
  }

  #stoodStillMs(machine: string, span: Interruption): number {
    const overlaps = this.#evidence.interruptions.get(machine)!.map(({ from, until }) => {
      return Math.max(0, Math.min(until, span.until) - Math.max(from, span.from));
    });
    return overlaps.reduce((sum, ms) => sum + ms, 0);
  }

  /** Whether an at-most-once timer may not be called again after this call: nobody asked for that. */
  #isOnce(id: TimerId, call: Sent): boolean {
    const order = this.#evidence.orders[call.order];
    if (order?.delivery !== 'at-most-once') return false;
    return !this.#perhaps(id, 'retry') && !this.#perhaps(id, 'resolveRetry');
  }

  #mayRepeat(call: Sent, repeatedAt: number): boolean {
    const { status, answeredAt } = call;
    if (status === undefined || status >= 300 || answeredAt === undefined || answeredAt > repeatedAt) return true;
    return this.#wasDisturbed(call.machine, this.#databaseOf(call.id as TimerId), {
      from: call.sentAt - leaseMsMax,
      until: repeatedAt,
    });
  }

  #isExplained(database: Database, { from, at }: TakeOver): boolean {
    const [machine] = from.split('/') as [string];
    const span = { from: at - leaseMsMax, until: at };
    // Whoever does not hear what it has claimed, keeps it until the lease runs out.
    const claimFailed = database.troubles.some(
      (trouble) => trouble.verb === 'claim' && trouble.machine === machine && isWithin(span, trouble),
    );
    return claimFailed || this.#wasDisturbed(machine, database, span);
  }

  /** Whether something hindered the machine's process at writing what it knew. One call that failed is no excuse. */
  #wasDisturbed(machine: string, { troubles, clockSteps }: Database, span: Interruption): boolean {
    const interruptions = this.#evidence.interruptions.get(machine)!;
    if (interruptions.some(({ from, until }) => from <= span.until && until >= span.from)) return true;
    if (clockSteps.some((step) => isWithin(span, step))) return true;
    const own = troubles.filter((trouble) => trouble.machine === machine && isWithin(span, trouble));
    return own.length > 1 || own.some(({ kind }) => kind === 'slow');
  }

  #asked(id: TimerId, verb: Verb): Asking[] {
    return (this.#askingsById.get(id) ?? []).filter((asking) => asking.verb === verb);
  }

  #perhaps(id: TimerId, verb: Verb): boolean {
    return this.#asked(id, verb).some(({ asked }) => asked.answer.kind !== 'refused');
  }

  #mayBePurged(id: TimerId): boolean {
    const { purgedAfterMs, clockSteps } = this.#databaseOf(id);
    const afterMs = purgedAfterMs.get(id);
    return afterMs !== undefined && (afterMs >= this.#evidence.historyMs || clockSteps.length > 0);
  }

  #databaseOf(id: TimerId): Database {
    return this.#evidence.databases[shardOf(id)]!;
  }
}

/** A timer that has ended, and what is known of it. */
interface Case {
  readonly timer: Timer;
  readonly calls: readonly Sent[];
  readonly last: Attempt | undefined;
  /** Whether somebody asked for this, perhaps with success. */
  readonly perhaps: (verb: Verb) => boolean;
}

function doneFor({ calls, perhaps }: Case): string | undefined {
  const succeeded = calls.some(({ status }) => status !== undefined && status < 300);
  return succeeded || perhaps('resolveDone') ? undefined : 'no call succeeded';
}

function cancelledFor({ calls, perhaps }: Case): string | undefined {
  if (!perhaps('cancel')) return 'nobody wanted that';
  return calls.length > 0 ? 'it was called' : undefined;
}

function failedFor({ timer, last, perhaps }: Case): string | undefined {
  if (perhaps('resolveFailed')) return undefined;
  if (last?.outcome === 'delivered') return 'its last call succeeded';
  return hasFailed(timer) ? undefined : 'there are attempts left';
}

function uncertainFor({ timer, last }: Case): string | undefined {
  if (timer.spec.delivery !== 'at-most-once') return 'it is at-least-once';
  return last?.outcome === 'unknown' ? undefined : 'what became of its call is known';
}

function isWithin({ from, until }: Interruption, { at }: { readonly at: number }): boolean {
  return at >= from && at <= until;
}

// As the checker has them: what is asked for is due at any time, unless the answer says at which.

function tryOf({ startedAt, endedAt, answer }: Asked<Accepted>): CheckedOrder['tries'][number] {
  const told = answer.kind === 'ok' ? { kind: answer.kind, ...answer.value } : answer;
  return { startedAt, endedAt, dueAtMin: Number.NEGATIVE_INFINITY, answer: told };
}

function changeOf({ verb, asked: { startedAt, endedAt, answer } }: Asking): CheckedOrder['changes'][number] {
  const what = verb === 'cancel' ? 'cancel' : verb === 'edit' ? 'reschedule' : 'fire';
  const dueAtMin = Number.NEGATIVE_INFINITY;
  const dueAt = answer.kind === 'ok' && verb === 'edit' ? answer.value.dueAt : dueAtMin;
  return { what, startedAt, endedAt, dueAtMin, answer: answer.kind === 'ok' ? { kind: 'ok', dueAt } : answer };
}

function acceptedIds({ tries }: Ordered): TimerId[] {
  return tries.flatMap(({ answer }) => (answer.kind === 'ok' ? [answer.value.id] : []));
}

function hasFailed({ spec, attempts, attemptsMade, attemptsMax }: Timer): boolean {
  const last = attempts.at(-1);
  if (attemptsMade >= attemptsMax || last?.status === 410 || last?.outcome === 'blocked') return true;
  return spec.delivery === 'at-most-once' && last?.outcome === 'rejected';
}
