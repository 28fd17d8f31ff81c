import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Counts } from '../store/store.ts';

/** What is asked for when somebody scrapes. */
export interface Gauges {
  /** Rejects while the store does not answer; the metrics of the store are then left out. */
  counts(): Promise<Counts>;
  nowMs(): number;
  insertQueue(): number;
  held(): number;
  clockDoubtMs(): number;
  storeIsUp(): boolean;
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

/** Everything at /metrics, in the Prometheus text format. */
export class Metrics {
  readonly registry = new Registry();
  readonly created = this.#counter('punctual_timers_created_total', 'Timers accepted.');
  readonly refused = this.#counter(
    'punctual_creates_refused_total',
    'Creates refused because of overload or an outage.',
  );
  readonly attempts = this.#counter('punctual_attempts_total', 'Calls on the wire, by outcome.', ['outcome']);
  readonly ended = this.#counter('punctual_timers_ended_total', 'Timers that ended by themselves, by state.', [
    'status',
  ]);
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
  readonly lateness = this.#histogram(
    'punctual_lateness_seconds',
    'First byte sent minus the time that the attempt was due.',
    latenessBuckets,
  );
  readonly storeCalls = this.#histogram(
    'punctual_store_call_seconds',
    'Time that the store took, by verb.',
    storeBuckets,
    ['verb'],
  );
  readonly storeFailures = this.#counter('punctual_store_failures_total', 'Calls to the store that failed, by verb.', [
    'verb',
  ]);

  constructor(gauges: Gauges) {
    collectDefaultMetrics({ register: this.registry });
    this.#timerGauges(gauges);
    this.#processGauges(gauges);
    this.#laneGauges(gauges);
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[], labelNames: string[] = []): Histogram {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #timerGauges(gauges: Gauges): void {
    const backlog = this.#gauge('punctual_backlog', 'Timers that are due and in no hands.');
    const oldest = this.#gauge(
      'punctual_oldest_overdue_seconds',
      'How long ago the oldest of the backlog was due; 0 without a backlog.',
    );
    const byStatus: Gauge = new Gauge({
      name: 'punctual_timers',
      help: 'Timers by state, from the ledger.',
      labelNames: ['status'],
      registers: [this.registry],
      async collect(): Promise<void> {
        const counts = await gauges.counts().catch(() => undefined);
        if (!counts) {
          for (const gauge of [byStatus, backlog, oldest]) gauge.reset();
          return;
        }
        const { accepted: _accepted, overdue, oldestOverdueAt, ...states } = counts;
        for (const [status, count] of Object.entries(states)) byStatus.set({ status }, count);
        backlog.set(overdue);
        oldest.set(oldestOverdueAt === null ? 0 : Math.max(0, gauges.nowMs() - oldestOverdueAt) / 1000);
      },
    });
  }

  #processGauges(gauges: Gauges): void {
    const live = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    live('punctual_insert_queue', 'Creates that wait to be stored.', () => gauges.insertQueue());
    live('punctual_held', 'Timers in the hands of this controller.', () => gauges.held());
    live(
      'punctual_clock_doubt_seconds',
      "How far this process may be off the store's clock.",
      () => gauges.clockDoubtMs() / 1000,
    );
    live('punctual_store_up', 'Whether the store answered last time.', () => (gauges.storeIsUp() ? 1 : 0));
    live('punctual_lanes', 'Destinations with a lane of their own now.', () => gauges.lanes().length);
    live(
      'punctual_breakers_open',
      'Destinations that are not called for now, since they do not answer.',
      () => gauges.lanes().filter((lane) => lane.breaker !== 'closed').length,
    );
  }

  #laneGauges(gauges: Gauges): void {
    const labels = ['destination'];
    const queued = this.#gauge('punctual_lane_queued', 'Calls that wait in the lane of a destination.', labels);
    const breaker = this.#gauge('punctual_lane_breaker', '0 closed, 1 half-open, 2 open.', labels);
    const inFlight: Gauge = new Gauge({
      name: 'punctual_lane_in_flight',
      help: 'Calls on the wire to a destination.',
      labelNames: labels,
      registers: [this.registry],
      collect() {
        for (const gauge of [inFlight, queued, breaker]) gauge.reset();
        const busiest = [...gauges.lanes()]
          .sort((a, b) => b.inFlight + b.queued - (a.inFlight + a.queued))
          .slice(0, laneSeriesMax);
        for (const lane of busiest) {
          inFlight.set({ destination: lane.destination }, lane.inFlight);
          queued.set({ destination: lane.destination }, lane.queued);
          breaker.set({ destination: lane.destination }, ['closed', 'half-open', 'open'].indexOf(lane.breaker));
        }
      },
    });
  }
}
