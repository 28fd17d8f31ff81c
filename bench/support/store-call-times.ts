import { request } from 'undici';

/** How often a verb of the store was called so far, and how long that took in all. */
export interface CallTimes {
  readonly calls: number;
  readonly seconds: number;
}

/** Reads it from a process's /metrics. */
export async function storeCallTimes(url: string, verb: string): Promise<CallTimes> {
  const metrics = await (await request(`${url}/metrics`)).body.text();
  const value = (name: string) => {
    const line = new RegExp(`^punctual_store_call_seconds_${name}\\{[^}]*verb="${verb}"[^}]*\\} (\\S+)$`, 'm');
    return Number(line.exec(metrics)?.[1] ?? 0);
  };
  return { calls: value('count'), seconds: value('sum') };
}

/** The mean time of a call between two readings, in milliseconds. */
export function meanMs(from: CallTimes, to: CallTimes): number {
  return Math.round(((to.seconds - from.seconds) / (to.calls - from.calls)) * 1e5) / 100;
}
