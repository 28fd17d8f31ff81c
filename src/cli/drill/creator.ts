import { type Clock, sleep } from '../../clock/clock.ts';
import { CannotDrill } from './cannot-drill.ts';
import type { ClockComparison } from './clock-comparison.ts';
import type { DrilledTimer } from './drilled-timer.ts';
import type { NewTimer, ServiceApi } from './service-api.ts';

export interface CreatorParts {
  readonly api: ServiceApi;
  readonly clock: Clock;
  readonly comparison: ClockComparison;
  readonly requestOf: (timer: DrilledTimer) => NewTimer;
}

/** Creates that may wait for an answer at once: while the service is away, more are not begun. */
const underWayMax = 512;

/** Creates timers when the plan says, each again and again under its key until the service has said that it has it. */
export class Creator {
  /** Answers after which a create was repeated, by their reason. */
  readonly refusals = new Map<string, number>();
  /** When the last of those accepted is due, by the service's clock. */
  lastDueAt = 0;
  created = 0;
  readonly #parts: CreatorParts;
  #refused: string | undefined;

  constructor(parts: CreatorParts) {
    this.#parts = parts;
  }

  /** Ends early when `signal` says so. Throws `CannotDrill` when the service takes such timers for wrong. */
  async createAll(timers: readonly DrilledTimer[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const startedAt = clock.monotonic();
    const underWay = new Set<Promise<void>>();
    for (const timer of timers) {
      const waitMs = startedAt + timer.plan.createAfterMs - clock.monotonic();
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      while (underWay.size >= underWayMax) await Promise.race(underWay);
      if (signal.aborted || this.#refused !== undefined) break;
      const create = this.create(timer, signal).finally(() => underWay.delete(create));
      underWay.add(create);
    }
    await Promise.all(underWay);
    if (this.#refused !== undefined) throw new CannotDrill(`The service refused a timer: ${this.#refused}`);
  }

  /** Creates one, however often it takes. */
  async create(timer: DrilledTimer, signal: AbortSignal): Promise<void> {
    const { api, clock, requestOf } = this.#parts;
    const request = requestOf(timer);
    const sentAt = clock.now();
    while (!signal.aborted && this.#refused === undefined) {
      const answer = await api.create(request);
      if (answer.kind === 'created') return this.#note(timer, answer, sentAt);
      if (answer.kind === 'refused') this.#refused = answer.why;
      else {
        this.refusals.set(answer.why, (this.refusals.get(answer.why) ?? 0) + 1);
        await sleep(clock, answer.afterMs, signal);
      }
    }
  }

  get refused(): string | undefined {
    return this.#refused;
  }

  #note(timer: DrilledTimer, { id, dueAt }: { id: string; dueAt: number }, sentAt: number): void {
    const serviceAt = dueAt - timer.plan.delayMs;
    this.#parts.comparison.add({ sentAt, answeredAt: this.#parts.clock.now(), serviceAt });
    timer.accepted = { id, dueAt };
    this.created += 1;
    this.lastDueAt = Math.max(this.lastDueAt, dueAt);
  }
}
