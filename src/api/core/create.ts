import type { InsertResult } from '../../store/store.ts';
import { destinationOf } from '../../timer/destination.ts';
import { PunctualError } from '../../timer/errors.ts';
import { createdAtOf, type TimerId } from '../../timer/id.ts';
import { formatInstant } from '../../timer/instant.ts';
import { newTimer, type Parsed, type TimerRequest } from '../../timer/request.ts';
import type { NewTimer } from '../../timer/timer.ts';
import type { CoreDeps } from '../deps.ts';
import { keyed } from './idempotency.ts';
import { inTurns } from './in-turns.ts';
import { defaultTenant } from './tenant.ts';
import { knownTime } from './time.ts';

/** A create as a client asks for it; its shape has been checked. */
export interface Order {
  readonly request: TimerRequest;
  /** 1 to 255 visible ASCII characters. */
  readonly key?: string | undefined;
}

/** A timer that is stored. */
export interface Accepted {
  readonly id: TimerId;
  readonly dueAt: number;
  /** Whether it was there before, under the same idempotency key. */
  readonly replayed: boolean;
}

/** Stores a timer. Throws `invalid_request`, `idempotency_conflict`, `overloaded`, or what the store throws. */
export async function createTimer(deps: CoreDeps, order: Order): Promise<Accepted> {
  const plan = planTimer(deps, order);
  if ('faults' in plan) throw new PunctualError('invalid_request', plan);
  const [result] = await deps.store.insert([plan.value]);
  const outcome = conclude(deps, plan.value, result!);
  if (outcome instanceof PunctualError) throw outcome;
  return outcome;
}

/**
 * Stores timers, all those of one shard in one commit; an order that cannot be fulfilled is answered by the error in its place. What
 * is an error already stays one. Throws `overloaded`, or what the store throws: then none was stored.
 */
export async function createTimers(
  deps: CoreDeps,
  orders: readonly (Order | PunctualError)[],
): Promise<(Accepted | PunctualError)[]> {
  const plans = await inTurns(orders, (order) => {
    if (order instanceof PunctualError) return order;
    const plan = planTimer(deps, order);
    return 'faults' in plan ? new PunctualError('invalid_request', plan) : plan.value;
  });
  const timers = plans.flatMap((plan) => (plan instanceof PunctualError ? [] : [plan]));
  const results = timers.length > 0 ? await deps.store.insert(timers) : [];
  tellRefused(deps, results);
  const left = results.values();
  return inTurns(plans, (plan) =>
    plan instanceof PunctualError ? plan : conclude(deps, plan, left.next().value as InsertResult),
  );
}

/** The request as a whole succeeds, so that nobody else says that a part of it did not. */
function tellRefused({ logger, observe }: CoreDeps, results: readonly InsertResult[]): void {
  const errors = results.flatMap((result) => (result.kind === 'refused' ? [result.error] : []));
  const defect = errors.find(({ code }) => code === 'internal');
  if (defect) logger.error({ err: defect.cause ?? defect }, 'a part of a batch failed');
  const [outage, ...more] = errors.filter(({ code }) => code !== 'internal');
  if (!outage) return;
  observe.refused();
  const { code, message, cause } = outage;
  const story = cause === undefined ? {} : { err: cause };
  logger.warn({ code, reason: message, ...story, count: 1 + more.length }, 'a part of a batch was refused');
}

function planTimer(deps: CoreDeps, order: Order): Parsed<NewTimer> {
  const { idempotency, place } = keyed(order.request, order.key);
  return newTimer(order.request, {
    // Whole milliseconds, so that the id holds the very instant from which the due time was counted; rounded up: never early.
    nowMs: Math.ceil(knownTime(deps)),
    random: deps.random,
    rules: deps.rules,
    place,
    tenant: defaultTenant,
    idempotency,
  });
}

function conclude(deps: CoreDeps, timer: NewTimer, result: InsertResult): Accepted | PunctualError {
  if (result.kind === 'refused') return result.error;
  if (result.kind === 'conflict') {
    return new PunctualError('idempotency_conflict', {
      message: `The idempotency key was used before with another request, which made the timer ${result.id}.`,
    });
  }
  if (result.kind === 'existing') {
    const { id, dueAt } = result;
    // Where the answer of its own create was lost, nobody was told. Repeats of old creates wake nobody.
    if (dueAt > createdAtOf(timer.id)) deps.wake(id, dueAt);
    return { id, dueAt, replayed: true };
  }
  const { id } = result;
  const { dueAt } = timer;
  deps.wake(id, dueAt);
  deps.observe.created(1);
  if (deps.logger.isLevelEnabled('info')) {
    deps.logger.info({ id, due_at: formatInstant(dueAt), destination: destinationOf(timer.spec.url) }, 'timer created');
  }
  return { id, dueAt, replayed: false };
}
