import type { Destination } from '../timer/destination.ts';
import type { PunctualError } from '../timer/errors.ts';
import type { TimerId } from '../timer/id.ts';
import type { Idempotency, NewTimer, Spec, Status, Timer } from '../timer/timer.ts';
import type { Settlement } from '../timer/transition.ts';

/**
 * Where timers live. Every verb is atomic and durable when its promise resolves; the hot ones work in batches, of which each entry gets
 * its own result. Time is always an argument: whole milliseconds since the epoch, by the clock that `time` reads.
 *
 * What is expected comes back as a value (`lost`, `conflict`). A store that cannot do its work throws a PunctualError:
 * `store_unavailable` or `store_full` (nothing was done), `commit_unknown` (it may have been done). No verb retries by itself.
 *
 * An open timer is claimable when nobody holds it and its attempt is due by the horizon, or when the lease of its holder has run out.
 * Every write under a lease is a compare-and-set on owner and claim number; `claim` goes up with every claim and every change.
 */
export interface Store {
  /**
   * Stores new timers, all of them or, where one cannot be written, none. With an idempotency key, the first copy wins: a repetition is
   * told its id, another request is a conflict. The id of a timer with a key ends in the key's byte (timer/key.ts).
   */
  insert(timers: readonly NewTimer[]): Promise<InsertResult[]>;

  /** What an insert under this key would meet: its first copy, or another request; undefined where the key was not used. */
  findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined>;

  /** One timer, open or ended. */
  get(id: TimerId): Promise<Timer | undefined>;

  /** A page of timers, newest first by creation. Reads a bounded number of rows, so that a page may be short, or empty, before the end. Throws `overloaded` where too many are being read. */
  list(query: ListQuery): Promise<Page>;

  /** Replaces a timer that nobody holds, on a client's behalf. */
  change(change: Change): Promise<'applied' | 'lost'>;

  /**
   * Takes claimable timers and leases them to the owner: of each bucket the earliest, in order of `claimableAt`; all that there are, unless
   * a limit is met or others are claiming at this moment.
   */
  claim(request: ClaimRequest): Promise<Claimed[]>;

  /** Marks calls as about to be sent (`at-most-once`): from here on a lost lease means that the outcome is unknown. */
  begin(holds: readonly Hold[]): Promise<HoldResult[]>;

  /** Moves the end of leases that have not been taken away, even where they have run out. */
  extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]>;

  /**
   * Writes what became of attempts, and lets go of the timers. Repeating a settlement that was applied says `applied` where that can
   * still be seen. One that comes late for a timer which became `uncertain` under exactly this claim still says what became of it.
   */
  settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]>;

  /** Lets go of timers that were not sent, to be claimed again from `claimAt` on. Takes the mark of `begin` away. */
  release(releases: readonly Release[]): Promise<HoldResult[]>;

  /** Deletes at most `limit` timers that ended before `endedBefore`, with their idempotency keys. Returns how many. */
  purge(request: { readonly endedBefore: number; readonly limit: number }): Promise<number>;

  /** The ledger: how many timers there are in each state. Cheap, and exact. */
  counts(nowMs: number): Promise<Counts>;

  /** The same numbers, counted row by row: slow on large stores, and equal to `counts` unless something is broken. Throws as `list`. */
  audit(nowMs: number): Promise<Counts>;

  /** Notes a controller as alive at `nowMs`, and forgets those that were last noted before `forgetBefore`. */
  beat(beat: {
    readonly controller: ControllerNote;
    readonly nowMs: number;
    readonly forgetBefore: number;
  }): Promise<void>;

  /** The controllers that were noted as alive at or after `since`, in order of `owner`. Nothing of the promise rests on it. */
  controllers(since: number): Promise<ControllerSeen[]>;

  /** The store's clock. */
  time(): Promise<number>;

  /** Finishes what is under way and lets go of files and connections. */
  close(): Promise<void>;
}

export type InsertResult =
  /** Under this id: the one that the timer came with, unless the store keeps timers in several places and chose another. */
  | { readonly kind: 'created'; readonly id: TimerId }
  | KeyUse
  /** The part of the store where this timer belongs could not take it; others of the batch were stored. Where none was, `insert` throws. */
  | { readonly kind: 'refused'; readonly error: PunctualError };

/** What a used idempotency key means for a request. */
export type KeyUse =
  /** The same request was stored before under this key: its id and the due time that it was given then. */
  | { readonly kind: 'existing'; readonly id: TimerId; readonly dueAt: number }
  /** The key was used before for another request. */
  | { readonly kind: 'conflict'; readonly id: TimerId };

export interface ListQuery {
  readonly tenant: string;
  readonly nowMs: number;
  /** At most this many timers. */
  readonly limit: number;
  /** Only timers created before this one: the cursor. */
  readonly before?: TimerId;
  readonly status?: Status;
  readonly destination?: Destination;
  readonly tag?: string;
  /** `dueAt` at or after. */
  readonly dueFrom?: number;
  /** `dueAt` before. */
  readonly dueTo?: number;
}

/** What a list says of a timer: nothing that may be long, so that a page stays small. Every Timer is one. */
export interface TimerSummary extends Pick<Timer, 'id' | 'dueAt' | 'retryAt' | 'attemptsMade' | 'lease' | 'ended'> {
  readonly spec: Pick<Spec, 'url' | 'method' | 'tags'>;
}

export interface Page {
  readonly timers: readonly TimerSummary[];
  /** Where the next page begins (`before`); null at the end. */
  readonly next: TimerId | null;
  /** The shards that did not answer, by number: their timers are missing. */
  readonly missing: readonly number[];
}

export interface Change {
  /** As it was read: applied only if nobody claimed or changed the timer since (`claim`), and nobody holds it. */
  readonly before: Timer;
  readonly after: Timer;
}

export interface ClaimRequest {
  readonly owner: string;
  readonly nowMs: number;
  /** Timers whose attempt is due by then. */
  readonly horizonAt: number;
  readonly leaseUntil: number;
  /** At most this many timers … */
  readonly limit: number;
  /** … which together have at most this many bytes of spec (but at least one timer, if any). An engine may count a little more than there are. */
  readonly bytesMax: number;
  /** Leases that ran out by then may be taken over; -Infinity for none. */
  readonly expiredBy: number;
}

export interface Claimed {
  /** With the new lease and claim number. */
  readonly timer: Timer;
  /** Its `claim_at` before this claim: when the attempt is due, or until when a release postponed it, or when the lost lease ran out. */
  readonly claimableAt: number;
  /** The holder whose lease had run out, if it was taken from one: perhaps the owner itself, which had no answer to its claim. */
  readonly takenFrom: string | null;
}

/** The proof that one holds a timer. */
export interface Hold {
  readonly id: TimerId;
  readonly owner: string;
  readonly claim: number;
}

/** `lost`: somebody else holds the timer, or it ended; nothing was written for it. */
export type HoldResult = 'applied' | 'lost';

export interface HeldSettlement extends Hold {
  readonly settlement: Settlement;
}

export interface Release extends Hold {
  readonly claimAt: number;
}

/** `accepted = waiting + executing + done + failed + cancelled + uncertain + purged`, at every moment. */
export interface Counts {
  readonly accepted: number;
  readonly waiting: number;
  readonly executing: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly uncertain: number;
  readonly purged: number;
  /** When the longest-waiting timer that nobody holds should have been sent; null when none is overdue. */
  readonly oldestOverdueAt: number | null;
  /** How many timers nobody holds though their attempt is due. */
  readonly overdue: number;
  /** The shards that did not answer, by number: their timers are not counted. */
  readonly missing: readonly number[];
}

/** What a controller says of itself. */
export interface ControllerNote {
  readonly owner: string;
  readonly startedAt: number;
}

export interface ControllerSeen extends ControllerNote {
  readonly seenAt: number;
}

/**
 * How the processes on one database tell each other that a timer was made due soon. Best effort, and not every engine has it: controllers
 * look by themselves, so that nothing but the time until the next look rests on it.
 */
export interface Wakeups {
  /** Tells that a timer is to be sent at `at`. Never waits, never throws. */
  ring(at: number): void;
  /** Calls `listener` with the time that another process rang with. */
  onRing(listener: (at: number) => void): void;
}
