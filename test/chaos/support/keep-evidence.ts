import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evidence } from '../../support/checker/evidence.ts';
import { getJson } from './punctual-api.ts';

/** So many timers are looked up. */
const timersMax = 40;
/** What was wrong so long before a call, or afterwards, may have to do with it, in milliseconds. */
const aroundMs = 30_000;

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * Writes what is known of the timers that the faults name into a file that is kept: their orders, their calls, their attempts as the service
 * tells them, and the harms around. Gives its path.
 */
export async function keepEvidence(
  { orders, calls, disturbances }: Evidence,
  { faults, api, output }: { readonly faults: readonly string[]; readonly api: string; readonly output: string },
): Promise<string> {
  const ids = [...new Set(faults.flatMap((fault) => fault.match(uuid) ?? []))].slice(0, timersMax);
  const stories = [];
  for (const id of ids) {
    const own = calls.filter((call) => call.id === id);
    const near = (at: number) => own.some(({ arrivedAt }) => Math.abs(arrivedAt - at) < aroundMs);
    stories.push({
      timer: await getJson(`${api}/timers/${id}`).catch(String),
      orders: orders.filter(({ number }) => own.some(({ order }) => order === number)),
      calls: own,
      disturbances: disturbances.filter(({ from, until }) => near(from) || near(until)),
    });
  }
  const path = join(tmpdir(), `punctual-chaos-${process.pid}.json`);
  await writeFile(path, JSON.stringify({ faults, stories, output }, null, 2));
  return path;
}
