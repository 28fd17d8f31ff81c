import { resolveDue, type When } from '../../timer/due.ts';
import { PunctualError } from '../../timer/errors.ts';
import type { TimerId } from '../../timer/id.ts';
import { formatInstant } from '../../timer/instant.ts';
import { parseSpec, type RequestRules, type TimerRequest } from '../../timer/request.ts';
import { attemptAt, type Timer } from '../../timer/timer.ts';
import { cancel, fire, reschedule, resolve, retry, type Verdict } from '../../timer/transition.ts';
import type { CoreDeps } from '../deps.ts';
import { readTimer } from './read.ts';
import { knownTime } from './time.ts';

// Each verb reads the timer, decides, and writes what was decided if nobody changed the timer in between. Each gives the timer as it
// then is, and throws `not_found`, the verdict's reason (`too_late`, `already_ended`, `not_ended`), `changed_meanwhile`, or what the store throws.

export function cancelTimer(deps: CoreDeps, id: TimerId): Promise<Timer> {
  return change(deps, id, { verdict: cancel, done: 'timer cancelled' });
}

export function fireTimer(deps: CoreDeps, id: TimerId): Promise<Timer> {
  return change(deps, id, { verdict: fire, done: 'timer fired by hand' });
}

export function retryTimer(deps: CoreDeps, id: TimerId): Promise<Timer> {
  return change(deps, id, { verdict: retry, done: 'timer retried by hand' });
}

export function resolveTimer(deps: CoreDeps, id: TimerId, as: 'done' | 'failed' | 'retry'): Promise<Timer> {
  if (as === 'retry') return retryTimer(deps, id);
  return change(deps, id, {
    verdict: (timer, nowMs) => resolve(timer, as, nowMs),
    done: `timer resolved as ${as}`,
  });
}

/** Changes when the timer is due, what is sent, or both. Throws `invalid_request` besides. */
export function editTimer(deps: CoreDeps, id: TimerId, request: Partial<TimerRequest>): Promise<Timer> {
  return change(deps, id, {
    verdict: (timer, nowMs) => edit(timer, request, { nowMs, rules: deps.rules }),
    done: 'timer changed',
  });
}

function edit(timer: Timer, request: Partial<TimerRequest>, context: { nowMs: number; rules: RequestRules }): Verdict {
  const spec = parseSpec(request, context.rules, timer.spec);
  const due = saysWhen(request) ? resolveDue(request, Math.ceil(context.nowMs), context.rules) : undefined;
  const dueFaults = due && 'faults' in due ? due.faults : [];
  if ('faults' in spec) throw new PunctualError('invalid_request', { faults: [...spec.faults, ...dueFaults] });
  if (due && 'faults' in due) throw new PunctualError('invalid_request', due);
  return reschedule(timer, { ...due, spec: spec.value });
}

const whenFields: readonly (keyof When)[] = ['hours', 'minutes', 'seconds', 'delay', 'at', 'local', 'timezone'];

function saysWhen(request: When): boolean {
  return whenFields.some((field) => request[field] !== undefined);
}

interface Intent {
  readonly verdict: (timer: Timer, nowMs: number) => Verdict;
  /** What the log says when it is done. */
  readonly done: string;
}

/** So often a change is decided anew because the timer was changed by somebody else in between. */
const triesMax = 5;

async function change(deps: CoreDeps, id: TimerId, intent: Intent): Promise<Timer> {
  for (let tries = 0; tries < triesMax; tries++) {
    const before = await readTimer(deps, id);
    const verdict = intent.verdict(before, knownTime(deps));
    if ('refused' in verdict) throw new PunctualError(verdict.refused, { message: verdict.because });
    const { after } = verdict;
    if (after === before) return before;
    if ((await deps.store.change({ before, after })) === 'lost') continue;
    if (!after.ended) deps.wake(id, attemptAt(after));
    deps.logger.info({ id, due_at: formatInstant(after.dueAt) }, intent.done);
    return after;
  }
  throw new PunctualError('changed_meanwhile');
}
