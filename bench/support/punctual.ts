import { join } from 'node:path';
import { type FleetPlan, fleetOf } from '../../test/support/fleet-plan.ts';
import { ProcessFleet } from '../../test/support/process-fleet.ts';
import { withDatabase } from './fleet.ts';
import { scratchFolder } from './scratch-folder.ts';

export const engines = ['sqlite', 'postgres', 'mysql'] as const;
export type Engine = (typeof engines)[number];

/** API and controller in one process. */
export const together: FleetPlan = { 'serve-1': 'serve' };
/** Each in a process of its own, which a file cannot serve. */
export const apart: FleetPlan = fleetOf({ apis: 1, controllers: 1 });

/** Where timers are kept; the same until it is gone. */
export interface Home {
  readonly engine: Engine;
  /** What DATABASE_URL says. */
  readonly databaseUrl: string;
}

/** Runs `work` with an empty place for timers that is gone afterwards: a file in a temporary folder, or a private server that syncs every commit. */
export async function withHome<T>(engine: Engine, work: (home: Home) => Promise<T>): Promise<T> {
  if (engine !== 'sqlite') return withDatabase(engine, ({ url }) => work({ engine, databaseUrl: url }));
  const folder = await scratchFolder();
  try {
    return await work({ engine, databaseUrl: `sqlite:${join(folder.path, 'punctual.db')}` });
  } finally {
    await folder.remove();
  }
}

/** The same with several homes, each with a server of its own where it needs one. */
export function withHomes<T>(
  engine: Engine,
  count: number,
  work: (homes: readonly Home[]) => Promise<T>,
  homes: readonly Home[] = [],
): Promise<T> {
  if (homes.length === count) return work(homes);
  return withHome(engine, (home) => withHomes(engine, count, work, [...homes, home]));
}

/** Starts Punctual's processes; with the settings that it has by itself, but for those in `env` and a log of warnings only. */
export function startPunctual(
  { databaseUrl }: Home,
  plan: FleetPlan = together,
  env: Readonly<Record<string, string>> = {},
): Promise<ProcessFleet> {
  return ProcessFleet.start({ database: { databaseUrl }, plan, env });
}
