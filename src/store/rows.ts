import { idFromBytes, type TimerId } from '../timer/id.ts';
import type { Attempt } from '../timer/outcome.ts';
import {
  attemptAt,
  type Ended,
  type EndedStatus,
  type Lease,
  type Method,
  type NewTimer,
  type Spec,
  type Timer,
} from '../timer/timer.ts';
import type { HeldSettlement, TimerSummary } from './store.ts';

// Timers as rows, in both directions, the same for every SQL engine. Rows are flat arrays of plain values: databases take them as they
// are, and they cross the border between threads several times faster than timers would.

/** A timer as the statements of statements.ts read it, id as text; `at` is `claim_at` while it is open, then `ended_at`. */
export type TimerRow = readonly [
  id: TimerId,
  tenant: string,
  key: string | null,
  dueAt: number,
  retryAt: number | null,
  at: number,
  owner: string | null,
  claim: number,
  begun: number | null,
  attemptsMade: number,
  attemptsMax: number,
  url: string,
  attempts: string | null,
  spec: string | null,
  body: string | null,
  status: EndedStatus | null,
];

/** The place of `body` in a TimerRow. */
export const bodyColumn = 14;

/** A row as it comes from the database: like a TimerRow, but for the id's bytes. */
export type StoredRow = readonly [
  id: Uint8Array,
  ...columns: TimerRow extends readonly [TimerId, ...infer Rest] ? Rest : never,
];

/** What a list reads of a timer; `at` as in a TimerRow. */
export type ListedRow<Id> = readonly [
  id: Id,
  tenant: string,
  dueAt: number,
  retryAt: number | null,
  at: number,
  owner: string | null,
  attemptsMade: number,
  url: string,
  spec: string | null,
  status: EndedStatus | null,
];

/** What a list says of a timer. */
export type SummaryRow = readonly [
  id: TimerId,
  dueAt: number,
  retryAt: number | null,
  at: number,
  owner: string | null,
  attemptsMade: number,
  url: string,
  method: Method,
  tags: readonly string[],
  status: EndedStatus | null,
];

/** A new timer; the fingerprint is there if and only if the key is. */
export type NewRow = readonly [
  id: TimerId,
  tenant: string,
  key: string | null,
  dueAt: number,
  attemptsMax: number,
  url: string,
  spec: string | null,
  body: string | null,
  fingerprint: string | null,
];

export type HoldRow = readonly [id: TimerId, owner: string, claim: number];
export type ReleaseRow = readonly [...HoldRow, claimAt: number];

/** `at` is when the timer ended, or without a status when to try again. */
export type SettlementRow = readonly [
  ...HoldRow,
  attemptsMade: number,
  attemptsMax: number,
  attempts: string | null,
  status: EndedStatus | null,
  at: number,
];

export function rowOf([id, ...values]: StoredRow): TimerRow {
  return [idFromBytes(id), ...values];
}

/** Leaves out what is long. */
export function summaryRowOf([
  id,
  ,
  dueAt,
  retryAt,
  at,
  owner,
  made,
  url,
  spec,
  status,
]: ListedRow<TimerId>): SummaryRow {
  const { method = omitted.method, tags = omitted.tags } = unpack(spec);
  return [id, dueAt, retryAt, at, owner, made, url, method, tags, status];
}

/** The bytes of a row's spec as they are stored, for `ClaimRequest.bytesMax`: never fewer than `specBytes`, and nothing is parsed for it. */
export function bytesOf([, , , , , , , , , , , url, , spec, body]: StoredRow): number {
  return Buffer.byteLength(url) + Buffer.byteLength(spec ?? '') + Buffer.byteLength(body ?? '');
}

export function encodeNew({ id, tenant, spec, dueAt, idempotency }: NewTimer): NewRow {
  const { url, body, retry } = spec;
  const key = idempotency?.key ?? null;
  return [id, tenant, key, dueAt, retry.maxAttempts, url, encodeSpec(spec), body, idempotency?.fingerprint ?? null];
}

/** A timer that nobody holds, as a client's change makes it; its claim number is the caller's business. */
export function encodeTimer(timer: Timer): TimerRow {
  return [
    timer.id,
    timer.tenant,
    timer.key,
    timer.dueAt,
    timer.retryAt,
    timer.ended?.at ?? attemptAt(timer),
    null,
    timer.claim,
    timer.begunClaim,
    timer.attemptsMade,
    timer.attemptsMax,
    timer.spec.url,
    encodeAttempts(timer.attempts),
    encodeSpec(timer.spec),
    timer.spec.body,
    timer.ended?.status ?? null,
  ];
}

export function encodeSettlement({ id, owner, claim, settlement }: HeldSettlement): SettlementRow {
  const { attempts, attemptsMade, attemptsMax, next } = settlement;
  const [status, at] = 'ended' in next ? [next.ended.status, next.ended.at] : [null, next.retryAt];
  return [id, owner, claim, attemptsMade, attemptsMax, encodeAttempts(attempts), status, at];
}

export function decodeTimer(row: TimerRow): Timer {
  const [id, tenant, key, dueAt, retryAt, at, owner, claim, begun, attemptsMade, attemptsMax, , attempts] = row;
  const status = row[15];
  return {
    id,
    tenant,
    key,
    spec: decodeSpec(row),
    dueAt,
    retryAt,
    attempts: decodeAttempts(attempts),
    attemptsMade,
    attemptsMax,
    claim,
    lease: leaseOf(owner, at),
    begunClaim: begun,
    ended: endedOf(status, at),
  };
}

export function decodeSummary(row: SummaryRow): TimerSummary {
  const [id, dueAt, retryAt, at, owner, attemptsMade, url, method, tags, status] = row;
  return {
    id,
    spec: { url, method, tags },
    dueAt,
    retryAt,
    attemptsMade,
    lease: leaseOf(owner, at),
    ended: endedOf(status, at),
  };
}

function leaseOf(owner: string | null, until: number): Lease | null {
  return owner === null ? null : { owner, until };
}

function endedOf(status: EndedStatus | null, at: number): Ended | null {
  return status === null ? null : { status, at };
}

function decodeSpec(row: TimerRow): Spec {
  const [, , , , , , , , , , , url, , spec, body] = row;
  if (spec === null) return { ...omitted, url, body };
  const { retry, ...packed } = unpack(spec);
  return { ...omitted, ...packed, url, body, ...(retry && { retry: unpackRetry(retry) }) };
}

/** The tags of a `spec` column. */
export function decodeTags(spec: string | null): readonly string[] {
  return unpack(spec).tags ?? omitted.tags;
}

/**
 * What the column `spec` leaves out. This is the format of stored rows: it never changes, whatever becomes of the program's own defaults.
 */
const omitted: Omit<Spec, 'url' | 'body'> = {
  method: 'POST',
  headers: {},
  appendId: true,
  delivery: 'at-least-once',
  retry: { maxAttempts: 8, initialMs: 1_000, maxMs: 3_600_000, factor: 5 },
  timeoutMs: 15_000,
  tags: [],
};

type PackedRetry = readonly [maxAttempts: number, initialMs: number, maxMs: number, factor: number];

interface PackedSpec extends Partial<Omit<Spec, 'url' | 'body' | 'retry'>> {
  retry?: PackedRetry;
}

function unpack(spec: string | null): PackedSpec {
  return spec === null ? {} : (JSON.parse(spec) as PackedSpec);
}

function packRetry({ maxAttempts, initialMs, maxMs, factor }: Spec['retry']): PackedRetry {
  return [maxAttempts, initialMs, maxMs, factor];
}

function unpackRetry([maxAttempts, initialMs, maxMs, factor]: PackedRetry): Spec['retry'] {
  return { maxAttempts, initialMs, maxMs, factor };
}

const omittedRetry = packRetry(omitted.retry);

function encodeSpec(spec: Spec): string | null {
  const retry = packRetry(spec.retry);
  const packed: Record<string, unknown> = {};
  if (spec.method !== omitted.method) packed.method = spec.method;
  if (Object.keys(spec.headers).length > 0) packed.headers = spec.headers;
  if (spec.appendId !== omitted.appendId) packed.appendId = spec.appendId;
  if (spec.delivery !== omitted.delivery) packed.delivery = spec.delivery;
  if (retry.some((value, index) => value !== omittedRetry[index])) packed.retry = retry;
  if (spec.timeoutMs !== omitted.timeoutMs) packed.timeoutMs = spec.timeoutMs;
  if (spec.tags.length > 0) packed.tags = spec.tags;
  return Object.keys(packed).length === 0 ? null : JSON.stringify(packed);
}

function encodeAttempts(attempts: readonly Attempt[]): string | null {
  if (attempts.length === 0) return null;
  return JSON.stringify(
    attempts.map(({ number, outcome, startedAt, durationMs, status, error, response }) => [
      number,
      outcome,
      startedAt,
      durationMs,
      status,
      error,
      response,
    ]),
  );
}

function decodeAttempts(text: string | null): readonly Attempt[] {
  if (text === null) return [];
  const packed = JSON.parse(text) as [number, Attempt['outcome'], ...(number | string | null)[]][];
  return packed.map(
    ([number, outcome, startedAt, durationMs, status, error, response]) =>
      ({ number, outcome, startedAt, durationMs, status, error, response }) as Attempt,
  );
}
