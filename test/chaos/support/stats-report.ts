import type { Report } from '../../support/report.ts';
import type { Stats } from './punctual-api.ts';

/** What the service counts at the end, and what is wrong with that. */
export function statsReport(stats: Stats, accepted: number): Pick<Report, 'figures' | 'faults'> {
  const { waiting, executing, done, failed, uncertain, identity_holds: identityHolds, audit } = stats;
  const faults: string[] = [];
  if (!identityHolds) faults.push('the identity of /stats does not hold');
  if (audit?.equal !== true) faults.push('the audit of /stats?audit=true is not equal');
  if (stats.accepted !== accepted)
    faults.push(`the service counts ${stats.accepted} accepted timers, its clients ${accepted}`);
  if (done + uncertain !== accepted)
    faults.push(
      `${accepted - done - uncertain} timers are neither done nor uncertain, but ${JSON.stringify({ waiting, executing, failed })}`,
    );
  return { figures: { waiting, executing, done, failed, identityHolds, auditEqual: audit?.equal ?? null }, faults };
}
