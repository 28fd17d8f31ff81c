import type { Destination } from '../timer/destination.ts';
import type { TimerId } from '../timer/id.ts';
import type { NewTimer, Spec, Status, Timer } from '../timer/timer.ts';
import type { Settlement } from '../timer/transition.ts';

/**
 * Where timers live. Every verb is atomic and durable when its promise resolves; the hot ones work in batches, of which each entry gets
 * its own result. Time is always an argument: milliseconds since the epoch, by the clock that `time` reads.
 *
 * What is expected comes back as a value (`lost`, `conflict`). A store that cannot do its work throws a PunctualError:
 * `store_unavailable` or `store_full` (nothing was done), `commit_unknown` (it may have been done). No verb retries by itself.
 *
 * An open timer is claimable when nobody holds it and its attempt is due by the horizon, or when the lease of its holder has run out.
 * Every write under a lease is a compare-and-set on owner and claim number; `claim` goes up with every claim and every change.
 */
export interface Store {
  /** Stores new timers. With an idempotency key, the first copy wins: a repetition is told its id, another request is a conflict. */
  insert(timers: readonly NewTimer[]): Promise<InsertResult[]>;

  /** One timer, open or ended. */
  get(id: TimerId): Promise<Timer | undefined>;

  /** A page of timers, newest first by creation. Reads a bounded number of rows, so that a page may be short, or empty, before the end. Throws `overloaded` where too many are being read. */
  list(query: ListQuery): Promise<Page>;

  /** Replaces a timer that nobody holds, on a client's behalf. */
  change(change: Change): Promise<'applied' | 'lost'>;

  /** Takes claimable timers, the earliest first, and leases them to the owner. */
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

  /** The store's clock. */
  time(): Promise<number>;

  /** Finishes what is under way and lets go of files and connections. */
  close(): Promise<void>;
}

export type InsertResult =
  | { readonly kind: 'created' }
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
  /** Whether it was taken from another holder, whose lease had run out. */
  readonly takenOver: boolean;
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
}
