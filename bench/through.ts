// Does anything slow down or grow while millions of timers pass through? npm run bench -- through --engine postgres
import { setTimeout as delay } from 'node:timers/promises';
import { fleetOf } from '../test/support/fleet-plan.ts';
import type { ProcessFleet } from '../test/support/process-fleet.ts';
import type { Report } from '../test/support/report.ts';
import type { ServerEngine } from '../test/support/servers/database-server.ts';
import { CountingReceiver } from './support/counting-receiver.ts';
import { type Ask, withClient } from './support/database-client.ts';
import { feed } from './support/feeder.ts';
import { withDatabase, withFleet } from './support/fleet.ts';
import { judgeGrowth } from './support/growth.ts';
import { type CallTimes, meanMs, storeCallTimes } from './support/store-call-times.ts';
import { type TableSizes, tableSizes } from './support/table-sizes.ts';

export interface ThroughOptions {
  readonly engine: ServerEngine;
  readonly timers: number;
  readonly backlogMax: number;
}

/** The state is looked at each time that such a part has passed through. */
const parts = 20;

interface Moment extends TableSizes {
  readonly calls: number;
  readonly seconds: number;
  readonly claims: CallTimes;
}

interface Part extends TableSizes {
  readonly called: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly claims: number;
  readonly claimMs: number;
}

/** One API and one controller on one database server. */
export function through(options: ThroughOptions): Promise<Report> {
  return withDatabase(options.engine, async ({ url }) => {
    const receiver = await CountingReceiver.start(options.timers);
    try {
      return await withFleet({ url, plan: fleetOf({ apis: 1, controllers: 1 }) }, (fleet) =>
        withClient(options.engine, url, async (ask) => {
          const feeding = feed({ ...options, api: fleet.url('api-1'), receiver });
          const [moments] = await Promise.all([watch(options, { fleet, receiver, ask }), feeding]);
          await delay(2_000);
          return report(moments, receiver, fleet);
        }),
      );
    } finally {
      await receiver.close();
    }
  });
}

async function watch(
  { engine, timers }: ThroughOptions,
  { fleet, receiver, ask }: { fleet: ProcessFleet; receiver: CountingReceiver; ask: Ask },
): Promise<Moment[]> {
  const startedAt = performance.now();
  const look = async (): Promise<Moment> => ({
    calls: receiver.calls,
    seconds: (performance.now() - startedAt) / 1_000,
    claims: await storeCallTimes(fleet.url('controller-1'), 'claim'),
    ...(await tableSizes(engine, ask)),
  });
  const moments = [await look()];
  for (let part = 1; part <= parts; part++) {
    await receiver.until(Math.floor((timers * part) / parts));
    moments.push(await look());
    console.log(`${moments.at(-1)!.calls} of ${timers} called after ${Math.round(moments.at(-1)!.seconds)} s`);
  }
  return moments;
}

function partOf(from: Moment, { calls, seconds, claims, ...sizes }: Moment): Part {
  return {
    called: calls,
    seconds: Math.round(seconds),
    perSecond: Math.round((calls - from.calls) / (seconds - from.seconds)),
    claims: claims.calls - from.claims.calls,
    claimMs: meanMs(from.claims, claims),
    ...sizes,
  };
}

async function report(moments: readonly Moment[], receiver: CountingReceiver, fleet: ProcessFleet): Promise<Report> {
  const all = moments.slice(1).map((moment, at) => partOf(moments[at]!, moment));
  const { lost, repeats } = receiver.verdict();
  const growth = judgeGrowth(all);
  const tenth = parts / 10;
  const claimMsOf = (from: number) => meanMs(moments[from]!.claims, moments[from + tenth]!.claims);
  const last = all.at(-1)!;
  const faults = [...fleet.endedByThemselves, ...growth.faults];
  if (lost > 0) faults.push(`${lost} timers were lost`);
  if (repeats > 0) faults.push(`${repeats} calls were repeated`);
  return {
    figures: {
      timers: last.called,
      lost,
      repeats,
      seconds: last.seconds,
      perSecond: Math.round(last.called / moments.at(-1)!.seconds),
      claimMsFirstTenth: claimMsOf(0),
      claimMsLastTenth: claimMsOf(parts - tenth),
      claimMsHighest: Math.max(...all.map(({ claimMs }) => claimMs)),
      growth: growth.judged ? 'judged' : 'NOT JUDGED: no vacuum came by; take more timers',
    },
    tables: {
      'After each part': Object.fromEntries(all.map((one, at) => [at + 1, one])),
      'Memory in MB': await fleet.memory(),
    },
    faults,
  };
}
