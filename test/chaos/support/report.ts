import type { Stats } from './punctual-api.ts';

export type Figure = number | string | boolean | null;

/** What a scenario has to say. The promise held when there are no faults. */
export interface Report {
  readonly figures: Readonly<Record<string, Figure>>;
  /** More tables, by their titles. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, object>>>>;
  /** What did not hold, in words. */
  readonly faults: readonly string[];
}

/** With what is inside of objects beside the rest, named `outer.inner`. */
export function flat(figures: object): Record<string, Figure> {
  const entries = Object.entries(figures).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one])
      : [[name, value]],
  );
  return Object.fromEntries(entries);
}

/** What the service counts at the end, and what is wrong with that. */
export function statsReport(stats: Stats, accepted: number): Pick<Report, 'figures' | 'faults'> {
  const { waiting, executing, done, failed, uncertain, identity_holds: identityHolds, audit } = stats;
  const faults: string[] = [];
  if (!identityHolds) faults.push('the identity of /stats does not hold');
  if (audit?.equal !== true) faults.push('the audit of /stats?audit=true is not equal');
  if (stats.accepted !== accepted)
    faults.push(`the service counts ${stats.accepted} accepted timers, its clients ${accepted}`);
  if (done + uncertain !== accepted)
    faults.push(`${accepted - done - uncertain} timers are neither done nor uncertain`);
  return { figures: { waiting, executing, done, failed, identityHolds, auditEqual: audit?.equal ?? null }, faults };
}

/** Prints it, and gives the exit code. */
export function print({ figures, tables, faults }: Report): number {
  console.table(Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, { value }])));
  for (const [title, table] of Object.entries(tables)) {
    console.log(title);
    console.table(table);
  }
  for (const fault of faults) console.log(`BROKEN: ${fault}`);
  console.log(faults.length === 0 ? 'The promise held.' : 'THE PROMISE DID NOT HOLD.');
  return faults.length === 0 ? 0 : 1;
}
