import type { ControllerSeen, Counts } from '../../store/store.ts';
import type { CoreDeps } from '../deps.ts';

export interface Stats {
  readonly counts: Counts;
  /** Whether `accepted` is the sum of the states and of what was purged. */
  readonly identityHolds: boolean;
  /** Those that were alive a moment ago. */
  readonly controllers: readonly ControllerSeen[];
}

/** A controller that has said nothing for this long is taken for dead, in milliseconds; it speaks several times as often. */
const aliveMs = 10_000;

/** The numbers of the databases that answer, and who works on them. Throws what the store throws. */
export async function readStats(deps: Pick<CoreDeps, 'store' | 'clock'>): Promise<Stats> {
  const nowMs = Math.floor(deps.clock.now());
  const [counts, controllers] = await Promise.all([deps.store.counts(nowMs), deps.store.controllers(nowMs - aliveMs)]);
  return { counts, identityHolds: identityHolds(counts), controllers };
}

function identityHolds(counts: Counts): boolean {
  const { waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  return counts.accepted === waiting + executing + done + failed + cancelled + uncertain + purged;
}

export interface Audit {
  /** Row by row. */
  readonly counted: Counts;
  /**
   * Whether that is what the ledger says; null where it could not be compared: timers changed too busily meanwhile, or not the same
   * databases answered.
   */
  readonly equal: boolean | null;
}

const auditTriesMax = 3;

/**
 * Counts the timers and compares the ledger. Timers go on changing, so the ledger is read before and after. That it is the same then does not
 * prove that nothing changed meanwhile: a timer that is retried and fails again comes back to where it was. A ledger that is wrong is so
 * each time, and by the same numbers.
 */
export async function audit(deps: Pick<CoreDeps, 'store' | 'clock'>): Promise<Audit> {
  const differences: string[] = [];
  for (let tries = 1; ; tries++) {
    const nowMs = Math.floor(deps.clock.now());
    const before = await deps.store.counts(nowMs);
    const counted = await deps.store.audit(nowMs);
    const after = await deps.store.counts(nowMs);
    if (sameNumbers(counted, before) || sameNumbers(counted, after)) return { counted, equal: true };
    if (sameNumbers(before, after) && sameShards(counted, before)) differences.push(difference(counted, before));
    if (tries === auditTriesMax) return { counted, equal: isCertain(differences) ? false : null };
  }
}

function isCertain(differences: readonly string[]): boolean {
  return differences.length === auditTriesMax && new Set(differences).size === 1;
}

function difference(one: Counts, other: Counts): string {
  return numbers.map((name) => one[name] - other[name]).join();
}

const numbers = ['accepted', 'waiting', 'executing', 'done', 'failed', 'cancelled', 'uncertain', 'purged'] as const;

function sameNumbers(one: Counts, other: Counts): boolean {
  return sameShards(one, other) && numbers.every((name) => one[name] === other[name]);
}

/** Numbers of different databases say nothing about each other. */
function sameShards(one: Counts, other: Counts): boolean {
  return String(one.missing) === String(other.missing);
}
