import type { Delivery, Status } from '../../../src/timer/timer.ts';
import type { Disturbance } from './disturbances.ts';

// What the checker judges by. All instants are milliseconds since the epoch, by one clock: clients, receiver and store share it.

/** What clients, receiver and service say of a run that has come to rest. */
export interface Evidence {
  readonly orders: readonly Order[];
  /** In the order of arrival. */
  readonly calls: readonly Call[];
  /** Every timer that the service lists at the end. */
  readonly timers: readonly ListedTimer[];
  readonly counts: Counts;
  readonly disturbances: readonly Disturbance[];
}

/** One timer that a client wanted, however often it had to ask. */
export interface Order {
  readonly number: number;
  readonly delivery: Delivery;
  /** Whether all tries had the same idempotency key: they make one timer at most, others one each. */
  readonly keyed: boolean;
  readonly tries: readonly Try[];
  /** In the order in which they were asked for. */
  readonly changes: readonly Change[];
}

interface Asked {
  readonly startedAt: number;
  /** When its answer came, or the client gave up. */
  readonly endedAt: number;
}

/** `refused` promises that nothing was stored or changed; `unknown` promises nothing: `commit_unknown`, and connections that broke. */
export type Unanswered = { readonly kind: 'refused' | 'unknown' };

/** One create. */
export interface Try extends Asked {
  /** The earliest that its timer can be due, by what was asked for. */
  readonly dueAtMin: number;
  readonly answer: { readonly kind: 'ok'; readonly id: string; readonly dueAt: number } | Unanswered;
}

/** Something that was asked of an accepted timer. */
export interface Change extends Asked {
  /** `reschedule` and `fire` move the due time. `retry` stands for every verdict by which a timer that has ended is sent again. */
  readonly what: 'cancel' | 'reschedule' | 'fire' | 'retry';
  /** The earliest that the timer can be due by it; of a `cancel` it says nothing. */
  readonly dueAtMin: number;
  /** `dueAt` as the answer to a `reschedule` has it, else `dueAtMin`. */
  readonly answer: { readonly kind: 'ok'; readonly dueAt: number } | Unanswered;
}

/** A call as the receiver saw it. */
export interface Call {
  /** Of the timer, from its path. */
  readonly id: string;
  /** The number of the order that it stems from, from its path. */
  readonly order: number;
  readonly webhookId: string | undefined;
  /** The process or machine that made it; undefined where that is not known. */
  readonly sender: string | number | undefined;
  /** When it was sent, by what it says itself, in whole seconds, rounded down; undefined where it says nothing. */
  readonly sentAt?: number | undefined;
  readonly arrivedAt: number;
  /** When it was answered, or its connection broke; Infinity while neither has happened. */
  readonly endedAt: number;
  /** Undefined where the receiver could not answer. */
  readonly status: number | undefined;
}

/** A timer as the service lists it at the end. */
export interface ListedTimer {
  readonly id: string;
  readonly order: number;
  readonly status: Status;
}

/** What `GET /stats?audit=true` says. */
export interface Counts extends Readonly<Record<Status, number>> {
  readonly accepted: number;
  readonly purged: number;
  /** Whether the rows, counted, are as many; null where that could not be told. */
  readonly auditEqual: boolean | null;
}
