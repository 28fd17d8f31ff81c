import type { Logger } from 'pino';
import type { Clock } from '../clock/clock.ts';
import type { Store } from '../store/store.ts';
import type { TimerId } from '../timer/id.ts';
import type { Random } from '../timer/random.ts';
import type { RequestRules } from '../timer/request.ts';

/** What the API's functions need, with HTTP or without it. */
export interface CoreDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly rules: RequestRules;
  /** Tells the controllers that a timer's attempt is due at `attemptAt` (milliseconds since the epoch). */
  wake(id: TimerId, attemptAt: number): void;
  readonly logger: Logger;
  readonly observe: ApiObserver;
  /** Absent where nothing in this process measures. */
  readonly measures?: Measures;
  /** Absent where there is one database. */
  readonly shards?: () => readonly ShardView[];
}

/** One database of several. */
export interface ShardView {
  readonly number: number;
  /** Whether it answers. */
  readonly up: boolean;
  /** It takes no new timers. */
  readonly draining: boolean;
}

/** What the HTTP server needs besides. */
export interface ApiDeps extends CoreDeps {
  readonly health: HealthSource;
  readonly metrics: MetricsSource;
  readonly limits: ApiLimits;
  /** The host names, without ports, that requests may be sent to besides those of loopback; or whether that does not matter. */
  readonly hosts: readonly string[] | 'any';
  /** Whether the built-in receiver is there. */
  readonly echo: boolean;
  /** Of this program, for the documentation. */
  readonly version: string;
}

/** Is told what happened, to count it. */
export interface ApiObserver {
  created(count: number): void;
  /** A request, or a part of one, was refused with 503. */
  refused(): void;
}

/** What this process has measured over the last minutes. */
export interface Measures {
  /** Of attempts, each against the time that it was due, in milliseconds. The percentiles are null while `count` is 0. */
  lateness(): Lateness;
  rates(): Rates;
}

export interface Lateness {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Timers per second. */
export interface Rates {
  readonly created: number;
  readonly fired: number;
}

export interface HealthSource {
  /** Whether requests should come here; `reasons` says in plain words why not. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] };
}

export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface ApiLimits {
  /** The largest body of a request. */
  readonly bodyBytes: number;
  /** The largest body of a batch create. */
  readonly batchBytes: number;
  /** How many timers one batch create may bring. */
  readonly batchMax: number;
  /** Connections at once; more are closed as they come. */
  readonly connections: number;
}
