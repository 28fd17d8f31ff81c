import type { ErrorCode } from '../../timer/errors.ts';
import type { TimerId } from '../../timer/id.ts';
import type { HoldRow, NewRow, ReleaseRow, SettlementRow, SummaryRow, TimerRow } from '../rows.ts';
import type {
  ClaimRequest,
  ControllerNote,
  ControllerSeen,
  Counts,
  HoldResult,
  InsertResult,
  KeyUse,
  ListQuery,
} from '../store.ts';

// What the threads say to each other.

/** What the writer's thread does; each verb is atomic. */
export interface WriteVerbs {
  insert(timers: readonly NewRow[]): InsertResult[];
  change(before: ChangedFrom, after: TimerRow): HoldResult;
  /** The rows as they were before the claim, so that the other side sees from whom they were taken. */
  claim(request: ClaimRequest): TimerRow[];
  begin(holds: readonly HoldRow[]): HoldResult[];
  extend(holds: readonly HoldRow[], untilAt: number): HoldResult[];
  settle(settlements: readonly SettlementRow[]): HoldResult[];
  release(releases: readonly ReleaseRow[]): HoldResult[];
  purge(endedBefore: number, limit: number): number;
  beat(controller: ControllerNote, nowMs: number, forgetBefore: number): void;
}

/** What the reader's thread does; each verb sees one moment of the database. */
export interface ReadVerbs {
  findKey(tenant: string, key: string, fingerprint: string): KeyUse | undefined;
  get(id: TimerId): TimerRow | undefined;
  list(query: ListQuery): { readonly rows: SummaryRow[]; readonly next: TimerId | null };
  counts(nowMs: number): Counts;
  audit(nowMs: number): Counts;
  controllers(since: number): ControllerSeen[];
}

/** Where a timer must be found, and with which claim number, for a change to apply. */
export type ChangedFrom = readonly [claim: number, status: TimerRow[15]];

export interface WorkerData {
  readonly role: 'writer' | 'reader';
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** The file grows to at most this many pages of 4 KiB. */
  readonly pageCountMax: number | null;
  readonly listRowsMax: number;
  /** Whether leases that are found belong to processes that are gone. */
  readonly expireLeases: boolean;
  /** How long to wait before opening, in milliseconds. */
  readonly pauseMs: number;
}

/** To a worker; `close` is a verb of both. Arguments are those of the verb. */
export type Call = readonly [number: number, verb: string, args: readonly unknown[]];

/** What went wrong, as it crosses threads. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
}

export type Answer = readonly [number: number, error: WireError | null, value: unknown];

/** From a worker: first whether it could open the file, then answers as they come. */
export type Report =
  | { readonly kind: 'open' }
  | { readonly kind: 'fault'; readonly error: WireError }
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] };
