import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Counts } from '../store/store.ts';
import type { OutcomeKind } from '../timer/outcome.ts';
import type { EndedStatus } from '../timer/timer.ts';

/** What is asked for when somebody scrapes. */
export interface Gauges {
  /** Rejects while the store does not answer; the metrics of the store are then left out. */
  counts(): Promise<Counts>;
  nowMs(): number;
  insertQueue(): number;
  held(): number;
  clockDoubtMs(): number;
  shards(): readonly { readonly number: number; readonly up: boolean }[];
  lanes(): readonly {
    destination: string;
    inFlight: number;
    queued: number;
    breaker: 'closed' | 'open' | 'half-open';
  }[];
}

/** Of so many lanes at most there are series of their own, the busiest; `punctual_lanes` counts them all. */
const laneSeriesMax = 50;

const latenessBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600];
const storeBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** How often prom-client measures the event loop's lag, in milliseconds: every 10 by default, which is most of what an idle process does. */
const eventLoopSampledMs = 50;

const breakerStates = ['closed', 'half-open', 'open'] as const;

/** A counter by label, for what happens at every call: one of prom-client's own puts its labels together each time. Read when somebody asks. */
class Tally<Label extends string> {
  readonly #counts = new Map<Label, number>();

  inc(label: Label): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
  }

  [Symbol.iterator](): Iterator<[label: Label, count: number]> {
    return this.#counts.entries();
  }
}

/** Everything at /metrics, in the Prometheus text format. Counters are moved as things happen, gauges when somebody asks. */
export class Metrics {
  readonly #registry = new Registry();
  readonly created = this.#counter('punctual_timers_created_total', 'Timers accepted.');
  readonly refused = this.#counter(
    'punctual_requests_refused_total',
    'Requests refused with 503: overload, or an outage of the store.',
  );
  readonly attempts = this.#tally<OutcomeKind>('punctual_attempts_total', 'Calls on the wire, by outcome.', 'outcome');
  readonly ended = this.#tally<EndedStatus>(
    'punctual_timers_ended_total',
    'Timers that ended by themselves, by state.',
    'status',
  );
  readonly postponed = this.#counter('punctual_postponed_total', 'Due calls that were put off, by reason.', ['reason']);
  readonly dropped = this.#counter(
    'punctual_dropped_total',
    'Due calls that were not sent since too little of the lease was left.',
  );
  readonly takenOver = this.#counter(
    'punctual_leases_taken_over_total',
    'Timers taken from a controller whose lease had run out.',
  );
  readonly settleLost = this.#counter('punctual_settlements_lost_total', 'Outcomes that came too late to be written.');
  readonly purged = this.#counter('punctual_timers_purged_total', 'Ended timers deleted by age.');
  readonly storeFailures = this.#counter('punctual_store_failures_total', 'Calls to the store that failed, by verb.', [
    'verb',
  ]);
  readonly lateness = this.#histogram({
    name: 'punctual_lateness_seconds',
    help: 'First byte sent minus the time that the attempt was due.',
    buckets: latenessBuckets,
  });
  readonly storeCalls = this.#histogram({
    name: 'punctual_store_call_seconds',
    help: 'Time that the store took, by verb.',
    buckets: storeBuckets,
    labelNames: ['verb'],
  });
  readonly #timers = this.#gauge('punctual_timers', 'Timers by state, from the ledger.', ['status']);
  readonly #backlog = this.#gauge('punctual_backlog', 'Timers that are due and in no hands.');
  readonly #oldest = this.#gauge(
    'punctual_oldest_overdue_seconds',
    'How long ago the oldest of the backlog was due; 0 without a backlog.',
  );
  readonly #insertQueue = this.#gauge('punctual_insert_queue', 'Creates that wait to be stored.');
  readonly #held = this.#gauge('punctual_held', 'Timers in the hands of this controller.');
  readonly #clockDoubt = this.#gauge(
    'punctual_clock_doubt_seconds',
    "How far this process may be off the store's clock.",
  );
  readonly #storeUp = this.#gauge('punctual_store_up', 'Whether the database answered last time.', ['shard']);
  readonly #lanes = this.#gauge('punctual_lanes', 'Destinations with a lane of their own now.');
  readonly #breakersOpen = this.#gauge(
    'punctual_breakers_open',
    'Destinations that are not called for now, since they do not answer.',
  );
  readonly #laneInFlight = this.#gauge(
    'punctual_lane_in_flight',
    'Calls on the wire to a destination, or about to be.',
    ['destination'],
  );
  readonly #laneQueued = this.#gauge('punctual_lane_queued', 'Calls that wait in the lane of a destination.', [
    'destination',
  ]);
  readonly #laneBreaker = this.#gauge('punctual_lane_breaker', '0 closed, 1 half-open, 2 open.', ['destination']);
  readonly #gauges: Gauges;

  constructor(gauges: Gauges) {
    this.#gauges = gauges;
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: eventLoopSampledMs });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of a scrape. While the store does not answer, what only it knows is left out. */
  async text(): Promise<string> {
    this.#readProcess();
    this.#readLanes();
    await this.#readTimers();
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #tally<Label extends string>(name: string, help: string, label: string): Tally<Label> {
    const tally = new Tally<Label>();
    const collect = function (this: Counter) {
      this.reset();
      for (const [value, count] of tally) this.inc({ [label]: value }, count);
    };
    new Counter({ name, help, labelNames: [label], registers: [this.#registry], collect });
    return tally;
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(of: { name: string; help: string; buckets: number[]; labelNames?: string[] }): Histogram {
    return new Histogram({ ...of, registers: [this.#registry] });
  }

  #readProcess(): void {
    const { insertQueue, held, clockDoubtMs, shards } = this.#gauges;
    this.#insertQueue.set(insertQueue());
    this.#held.set(held());
    this.#clockDoubt.set(clockDoubtMs() / 1000);
    for (const { number, up } of shards()) this.#storeUp.set({ shard: number }, up ? 1 : 0);
  }

  #readLanes(): void {
    const lanes = this.#gauges.lanes();
    this.#lanes.set(lanes.length);
    this.#breakersOpen.set(lanes.filter(({ breaker }) => breaker !== 'closed').length);
    for (const gauge of [this.#laneInFlight, this.#laneQueued, this.#laneBreaker]) gauge.reset();
    const busiest = lanes.toSorted((a, b) => b.inFlight + b.queued - (a.inFlight + a.queued)).slice(0, laneSeriesMax);
    for (const { destination, inFlight, queued, breaker } of busiest) {
      this.#laneInFlight.set({ destination }, inFlight);
      this.#laneQueued.set({ destination }, queued);
      this.#laneBreaker.set({ destination }, breakerStates.indexOf(breaker));
    }
  }

  async #readTimers(): Promise<void> {
    const { counts: read, nowMs } = this.#gauges;
    const counts = await read().catch(() => undefined);
    if (!counts) {
      for (const gauge of [this.#timers, this.#backlog, this.#oldest]) gauge.reset();
      return;
    }
    const { accepted: _accepted, overdue, oldestOverdueAt, missing: _missing, ...states } = counts;
    for (const [status, count] of Object.entries(states)) this.#timers.set({ status }, count);
    this.#backlog.set(overdue);
    this.#oldest.set(oldestOverdueAt === null ? 0 : Math.max(0, nowMs() - oldestOverdueAt) / 1000);
  }
}
