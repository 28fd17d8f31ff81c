import type { TimerSummary } from '../store/store.ts';
import { createdAtOf } from '../timer/id.ts';
import { formatInstant, secondsLeft } from '../timer/instant.ts';
import type { Attempt } from '../timer/outcome.ts';
import { attemptAt, latenessMs, statusAt, type Timer } from '../timer/timer.ts';
import type { Accepted } from './core/create.ts';
import type { AcceptedView, SummaryView, TimerView } from './schemas.ts';

/** The answer to a create. It is made from the id and the due time alone, so that a repetition gets the very same. */
export function acceptedView({ id, dueAt }: Accepted): AcceptedView {
  return { id, status: 'waiting', due_at: formatInstant(dueAt), time_left: secondsLeft(dueAt, createdAtOf(id)) };
}

export function summaryView(timer: TimerSummary, nowMs: number): SummaryView {
  return {
    id: timer.id,
    status: statusAt(timer, nowMs),
    time_left: timeLeft(timer, nowMs),
    due_at: formatInstant(timer.dueAt),
    next_attempt_at: timer.ended ? null : formatInstant(attemptAt(timer)),
    created_at: formatInstant(createdAtOf(timer.id)),
    url: timer.spec.url,
    method: timer.spec.method,
    tags: [...timer.spec.tags],
    attempts_made: timer.attemptsMade,
    ended_at: timer.ended && formatInstant(timer.ended.at),
  };
}

export function timerView(timer: Timer, nowMs: number): TimerView {
  const { spec } = timer;
  return {
    ...summaryView(timer, nowMs),
    headers: withoutSecrets(spec.headers),
    body: spec.body,
    delivery: spec.delivery,
    retry: {
      max_attempts: spec.retry.maxAttempts,
      initial: formatDuration(spec.retry.initialMs),
      max: formatDuration(spec.retry.maxMs),
      factor: spec.retry.factor,
    },
    timeout: formatDuration(spec.timeoutMs),
    append_id: spec.appendId,
    lateness_ms: latenessMs(timer),
    attempts: timer.attempts.map(attemptView),
    idempotency_key: timer.key,
  };
}

/** Whole seconds until the timer is due; 0 when it has ended. */
export function timeLeft(timer: Pick<Timer, 'dueAt' | 'ended'>, nowMs: number): number {
  return timer.ended ? 0 : secondsLeft(timer.dueAt, nowMs);
}

function attemptView(attempt: Attempt): TimerView['attempts'][number] {
  const { number, outcome, startedAt, durationMs, status, error, response } = attempt;
  return {
    number,
    outcome,
    started_at: startedAt === null ? null : formatInstant(startedAt),
    duration_ms: durationMs,
    status,
    error,
    response,
  };
}

const secretName = /auth|cookie|token|secret|password|credential|signature|session|key$|^proxy-/;

/** Headers to show to whoever may read timers: values that look secret are left out. */
export function withoutSecrets<T>(headers: Readonly<Record<string, T>>): Record<string, T | '…'> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, secretName.test(name) ? '…' : value]),
  );
}

/** Milliseconds as text that a request may carry too: `1h`, `15s`, `250ms`. */
function formatDuration(ms: number): string {
  const unit = units.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0);
  return unit ? `${ms / unit[1]}${unit[0]}` : `${ms}ms`;
}

const units: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];
