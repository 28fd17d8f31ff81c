import type { Offset } from './clock-comparison.ts';
import type { DrilledTimer } from './drilled-timer.ts';
import { type Lateness, latenessOf } from './lateness.ts';
import type { Stats } from './service-api.ts';

/** What the drill knows at its end. */
export interface Evidence {
  readonly timers: readonly DrilledTimer[];
  /** Timers that were accepted besides, such as the probe. */
  readonly othersAccepted: number;
  /** The service's clock minus the drill's; undefined where no create was answered. */
  readonly offset: Offset | undefined;
  /** How far the service may itself be off its store's clock, in milliseconds. */
  readonly storeDoubtMs: number;
  /** When harm was done, by the drill's clock; undefined for none. */
  readonly harmFrom: number | undefined;
  readonly before: Stats;
  /** In words why not, where the service did not say. */
  readonly after: Stats | string;
}

/** An accepted timer that was not called, and does not say why that is right. */
export interface Missed {
  readonly id: string;
  /** What the service said of it last; undefined where it did not answer. */
  readonly status: string | undefined;
  readonly lastAttempt: string | undefined;
}

export interface Verdict {
  readonly accepted: number;
  /** Timers that were called. */
  readonly received: number;
  /** Timers whose create was never answered, and that were not called. */
  readonly unanswered: number;
  readonly missed: readonly Missed[];
  /** Timers that were called before they were due, beyond doubt; and by how much at most, in milliseconds. */
  readonly early: number;
  readonly earlyMsMax: number;
  /** Calls beyond a timer's first … */
  readonly repeats: number;
  /** … of these, of at-most-once timers, and those that no harm explains. */
  readonly repeatsAtMostOnce: number;
  readonly repeatsUnexplained: number;
  readonly wrongIds: number;
  readonly uncertain: number;
  /** Of these, those that were received. */
  readonly uncertainReceived: number;
  /** Taken back by somebody else. */
  readonly cancelled: number;
  readonly lateness: Lateness | undefined;
  /** Of timers due before the harm; undefined without harm. */
  readonly latenessBeforeHarm: Lateness | undefined;
  /** Promises that were broken, as sentences; none for a pass. */
  readonly faults: readonly string[];
}

/** What a call of which the service was told so long before the harm came to is on disk, whatever happened then. In milliseconds. */
export const settledMsMax = 5_000;

/** Compares what the service accepted with what the receiver got. */
export function judge(evidence: Evidence): Verdict {
  const { timers } = evidence;
  const repeated = timers.flatMap((timer) => timer.calls.slice(0, -1).map((call) => ({ timer, call })));
  const atMostOnce = repeated.filter(({ timer }) => timer.plan.delivery === 'at-most-once');
  const unexplained = repeated.filter(({ call }) => !isExplained(call.arrivedAt, evidence));
  const uncertain = timers.filter(({ seen }) => seen?.status === 'uncertain');
  const earlyMs = timers.map((timer) => earlyBy(timer, evidence)).filter((ms) => ms > 0);
  const figures = {
    accepted: timers.filter(({ accepted, calls }) => accepted || calls.length > 0).length,
    received: timers.filter(({ calls }) => calls.length > 0).length,
    unanswered: timers.filter(({ accepted, calls }) => !accepted && calls.length === 0).length,
    missed: timers.flatMap(missedOf),
    early: earlyMs.length,
    earlyMsMax: earlyMs.reduce((most, ms) => Math.max(most, ms), 0),
    repeats: repeated.length,
    repeatsAtMostOnce: atMostOnce.length,
    repeatsUnexplained: unexplained.length,
    wrongIds: timers.flatMap(wrongIdsOf).length,
    uncertain: uncertain.length,
    uncertainReceived: uncertain.filter(({ calls }) => calls.length > 0).length,
    cancelled: timers.filter(({ seen, calls }) => seen?.status === 'cancelled' && calls.length === 0).length,
  };
  const faults = [...faultsOf(figures), ...statsFaults(figures.accepted + evidence.othersAccepted, evidence)];
  return { ...figures, ...latenesses(evidence), faults };
}

function missedOf({ accepted, calls, seen }: DrilledTimer): Missed[] {
  const isRight = seen?.status === 'uncertain' || seen?.status === 'cancelled';
  if (!accepted || calls.length > 0 || isRight) return [];
  return [{ id: accepted.id, status: seen?.status, lastAttempt: seen?.lastAttempt }];
}

/** By how much the first call came too early, in milliseconds, once everything that may be off is granted. */
function earlyBy({ accepted, calls }: DrilledTimer, { offset, storeDoubtMs }: Evidence): number {
  const [first] = calls;
  if (!accepted || !first || !offset) return 0;
  return accepted.dueAt - (first.arrivedAt + offset.max + storeDoubtMs);
}

/** Whether the harm may have hidden from the service what came of a call that arrived then. */
function isExplained(arrivedAt: number, { harmFrom }: Evidence): boolean {
  return harmFrom !== undefined && arrivedAt >= harmFrom - settledMsMax;
}

function wrongIdsOf({ accepted, calls }: DrilledTimer): unknown[] {
  const right = accepted?.id ?? calls[0]?.id;
  return calls.filter(({ id, webhookId }) => id !== right || webhookId !== right);
}

function latenesses({ timers, offset, harmFrom }: Evidence): Pick<Verdict, 'lateness' | 'latenessBeforeHarm'> {
  const middle = offset ? (offset.min + offset.max) / 2 : 0;
  const known = timers.flatMap(({ accepted, calls: [first] }) => {
    return accepted && first
      ? [{ dueAt: accepted.dueAt - middle, lateMs: first.arrivedAt + middle - accepted.dueAt }]
      : [];
  });
  const before = known.filter(({ dueAt }) => dueAt < (harmFrom ?? Number.NEGATIVE_INFINITY));
  return {
    lateness: latenessOf(known.map(({ lateMs }) => lateMs)),
    latenessBeforeHarm: latenessOf(before.map(({ lateMs }) => lateMs)),
  };
}

type Figures = Omit<Verdict, 'faults' | 'lateness' | 'latenessBeforeHarm'>;

function faultsOf(figures: Figures): string[] {
  const counted: readonly (readonly [number, string])[] = [
    [figures.missed.length, 'accepted and not called'],
    [figures.unanswered, 'creates that the service never answered'],
    [figures.early, 'called before they were due'],
    [figures.repeatsAtMostOnce, 'calls repeated of at-most-once timers'],
    [figures.repeatsUnexplained, 'calls repeated without any harm that explains it'],
    [figures.wrongIds, "calls with another id than the timer's"],
  ];
  return counted.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

/** Others may create timers meanwhile: the service may have accepted more than the drill knows, not less. */
function statsFaults(accepted: number, { before, after }: Evidence): string[] {
  if (typeof after === 'string') return [`/stats could not be read at the end: ${after}`];
  const faults: string[] = [];
  if (!before.identityHolds) faults.push('the identity of /stats did not hold before the drill');
  if (!after.identityHolds) faults.push('the identity of /stats does not hold');
  const grown = after.accepted - before.accepted;
  const isComparable = !before.isPartial && !after.isPartial;
  if (isComparable && grown < accepted) faults.push(`/stats counts ${grown} accepted timers, the drill ${accepted}`);
  return faults;
}
