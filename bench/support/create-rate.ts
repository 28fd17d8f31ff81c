import { ask } from './wrk.ts';

const connections = 64;

/** How many timers a second are created one by one, all due in a day, over 64 connections in all to these services. */
export async function createRate(services: readonly string[], seconds: number): Promise<number> {
  const each = Math.floor(connections / services.length);
  const script = { name: 'create.lua' } as const;
  const answered = await Promise.all(
    services.map((service) => ask({ url: `${service}/timers`, connections: each, seconds, script })),
  );
  return Math.round(answered.reduce((sum, { perSecond }) => sum + perSecond, 0));
}
