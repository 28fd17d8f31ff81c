import type { Counts } from '../../store/store.ts';
import type { CoreDeps } from '../deps.ts';

export interface Stats {
  readonly counts: Counts;
  /** Whether `accepted` is the sum of the states and of what was purged. */
  readonly identityHolds: boolean;
}

export async function readStats(deps: Pick<CoreDeps, 'store' | 'clock'>): Promise<Stats> {
  const counts = await deps.store.counts(Math.floor(deps.clock.now()));
  return { counts, identityHolds: identityHolds(counts) };
}

function identityHolds(counts: Counts): boolean {
  const { waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  return counts.accepted === waiting + executing + done + failed + cancelled + uncertain + purged;
}

export interface Audit {
  /** Row by row. */
  readonly counted: Counts;
  /** Whether that is what the ledger says; null where timers changed so busily meanwhile that it could not be compared. */
  readonly equal: boolean | null;
}

const auditTriesMax = 3;

/** Counts the timers and compares the ledger. Timers go on changing, so the ledger is read before and after. */
export async function audit(deps: Pick<CoreDeps, 'store' | 'clock'>): Promise<Audit> {
  for (let tries = 1; ; tries++) {
    const nowMs = Math.floor(deps.clock.now());
    const before = await deps.store.counts(nowMs);
    const counted = await deps.store.audit(nowMs);
    const after = await deps.store.counts(nowMs);
    if (sameNumbers(counted, before) || sameNumbers(counted, after)) return { counted, equal: true };
    if (sameNumbers(before, after)) return { counted, equal: false };
    if (tries === auditTriesMax) return { counted, equal: null };
  }
}

const numbers = ['accepted', 'waiting', 'executing', 'done', 'failed', 'cancelled', 'uncertain', 'purged'] as const;

function sameNumbers(one: Counts, other: Counts): boolean {
  return numbers.every((name) => one[name] === other[name]);
}
