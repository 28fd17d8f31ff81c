import type { Logger } from 'pino';
import type { ControllerObserver } from '../controller/observer.ts';
import { type Destination, destinationOf } from '../timer/destination.ts';
import { formatInstant } from '../timer/instant.ts';
import type { Attempt } from '../timer/outcome.ts';
import { attemptAt, type Timer } from '../timer/timer.ts';
import type { Settlement } from '../timer/transition.ts';
import type { Postponement } from '../webhook/sender.ts';
import type { Metrics } from './metrics.ts';
import type { Recent } from './recent.ts';

/** Turns what a controller tells into log lines and metrics. */
export class ControllerTelemetry implements ControllerObserver {
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #recent: Recent;

  constructor({ log, metrics, recent }: { log: Logger; metrics: Metrics; recent: Recent }) {
    this.#log = log;
    this.#metrics = metrics;
    this.#recent = recent;
  }

  /** The same, its log lines naming one of several databases. */
  of(database: string): ControllerTelemetry {
    return new ControllerTelemetry({
      log: this.#log.child({ database }),
      metrics: this.#metrics,
      recent: this.#recent,
    });
  }

  claimed(count: number): void {
    this.#log.trace({ count }, 'claimed');
  }

  takenOver(timer: Timer): void {
    this.#metrics.takenOver.inc();
    this.#log.warn(
      { id: timer.id, delivery: timer.spec.delivery },
      'timer taken over: its controller stopped before it could say what became of it',
    );
  }

  attempted(_timer: Timer, attempt: Attempt, latenessMs: number | null): void {
    this.#metrics.attempts.inc(attempt.outcome);
    this.#recent.attempted(latenessMs);
    if (latenessMs !== null) this.#metrics.lateness.observe(latenessMs / 1000);
  }

  postponed(timer: Timer, because: Postponement, untilAt: number): void {
    this.#metrics.postponed.inc({ reason: because });
    if (because === 'stopping') return;
    this.#log.debug(
      { id: timer.id, destination: destinationOf(timer.spec.url), because, until: formatInstant(untilAt) },
      'timer put off',
    );
  }

  dropped(timer: Timer): void {
    this.#metrics.dropped.inc();
    this.#log.warn(
      { id: timer.id },
      'timer was due but its lease or the clock was not good enough to send; it is tried again',
    );
  }

  settled(timer: Timer, settlement: Settlement): void {
    const attempt = settlement.attempts.at(-1);
    const facts = {
      id: timer.id,
      attempt: attempt?.number,
      of: settlement.attemptsMax,
      destination: destinationOf(timer.spec.url),
      outcome: attempt?.outcome,
      status: attempt?.status ?? undefined,
      late_ms: attempt?.startedAt == null ? undefined : Math.round(attempt.startedAt - attemptAt(timer)),
    };
    const { next } = settlement;
    if ('retryAt' in next) {
      this.#log.warn(
        { ...facts, error: attempt?.error, retry_at: formatInstant(next.retryAt) },
        'attempt failed, timer will be tried again',
      );
      return;
    }
    this.#metrics.ended.inc(next.ended.status);
    if (next.ended.status === 'done') this.#log.info(facts, 'timer done');
    else this.#log.error({ ...facts, error: attempt?.error }, `timer ${next.ended.status}`);
  }

  settleLost(timer: Timer, settlement: Settlement): void {
    this.#metrics.settleLost.inc();
    this.#log.warn(
      { id: timer.id, outcome: settlement.attempts.at(-1)?.outcome },
      'outcome came too late to be written: the timer is in other hands',
    );
  }

  /** A destination's breaker has opened or closed. */
  breaker(destination: Destination, change: 'opened' | 'closed'): void {
    if (change === 'opened')
      this.#log.warn({ destination }, 'destination does not answer; its timers wait, single ones probe it');
    else this.#log.info({ destination }, 'destination answers again');
  }

  purged(count: number): void {
    this.#metrics.purged.inc(count);
    this.#log.debug({ count }, 'old timers deleted');
  }

  storeDown(error: unknown): void {
    this.#log.error({ err: error }, 'the store does not answer; timers wait until it does');
  }

  storeUp(downMs: number): void {
    this.#log.info({ down_ms: Math.round(downMs) }, 'the store answers again');
  }

  clockDoubtful(doubtMs: number): void {
    this.#log.error({ doubt_ms: doubtMs }, "the store's time is not known well enough; nothing is fired until it is");
  }

  failed(error: unknown): void {
    this.#log.error({ err: error }, 'unexpected error in the controller');
  }
}
