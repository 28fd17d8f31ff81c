// What do ten million waiting timers change? npm run bench -- capacity --engine sqlite
import type { ProcessFleet } from '../test/support/process-fleet.ts';
import type { Report } from '../test/support/report.ts';
import { barsOf, type Chart } from './support/chart.ts';
import { type Contestant, hold, merged, type Standings } from './support/contest.ts';
import { createRate } from './support/create-rate.ts';
import { fill } from './support/fill.ts';
import { homeBytes } from './support/home-size.ts';
import { atLeast, atMost, publish, type Target } from './support/outcome.ts';
import { idleUse } from './support/process-use.ts';
import { startProgram } from './support/program.ts';
import { type Engine, type Home, startPunctual, withHomes } from './support/punctual.ts';
import { StatusReads } from './support/status-reads.ts';
import { latenessFaults, steadyLateness } from './support/steady-lateness.ts';

export interface CapacityOptions {
  readonly engine: Engine;
  /** Waiting from the start, due in a day or two. */
  readonly timers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

const bare = 'bare program';
const empty = 'Punctual, empty';
const full = 'Punctual, full';
const lateRate = 500;
const idleSeconds = 30;

/** Beside a store that had nothing in it at the start, and beside programs that store and look up nothing. */
export function capacity({ engine, timers, rounds, seconds, results }: CapacityOptions): Promise<Report> {
  return withHomes(engine, 2, async (homes) => {
    await using leaving = new AsyncDisposableStack();
    const [filled, fresh] = homes as [Home, Home];
    const faults: string[] = [];
    const subject = await prepare(filled, timers, leaving);
    const standings = await contests(subject, { fresh, rounds, seconds, faults });
    const charts = chartsOf(standings, { engine, timers });
    return publish({ name: `capacity-${engine}`, standings, targets: targetsOf(standings), charts, faults }, results);
  });
}

/** A service with all timers waiting, and what was seen of it before anybody asked anything. */
interface Subject {
  readonly fleet: ProcessFleet;
  readonly service: string;
  readonly reads: StatusReads;
  readonly found: Readonly<Record<string, number>>;
}

async function prepare(home: Home, timers: number, leaving: AsyncDisposableStack): Promise<Subject> {
  const { ids, seconds: fillSeconds } = await fill(home.databaseUrl, timers);
  console.log(`${timers.toLocaleString('en')} timers stored in ${fillSeconds} s`);
  const bytesPerTimer = Math.round(((await homeBytes(home)) / timers) * 10) / 10;
  const reads = leaving.use(await StatusReads.of(ids));
  const fleet = await startPunctual(home);
  leaving.defer(() => fleet.end());
  const { cpuPercent: idleCpuPercent, nowMb: idleMb } = await idleUse(fleet, 'serve-1', idleSeconds);
  const found = { fillSeconds, bytesPerTimer, idleCpuPercent, idleMb };
  return { fleet, service: fleet.url('serve-1'), reads, found };
}

interface Contests {
  /** An empty store. */
  readonly fresh: Home;
  readonly rounds: number;
  readonly seconds: number;
  readonly faults: string[];
}

async function contests(
  { fleet, service, reads, found }: Subject,
  { fresh, rounds, seconds, faults }: Contests,
): Promise<Standings> {
  await using leaving = new AsyncDisposableStack();
  const other = await startPunctual(fresh);
  leaving.defer(() => other.end());
  const limit = await startProgram('limits/bare-timer.ts');
  leaving.defer(() => limit.end());
  const route = await startProgram('limits/empty-route.ts');
  leaving.defer(() => route.end());
  const creates = [creating(empty, other.url('serve-1'), seconds), creating(full, service, seconds)];
  const creation = await hold(creates, { rounds });
  const lateness = await hold([late(bare, limit.url, { seconds }), late(full, service, { seconds, faults })], {
    rounds,
  });
  const reading = await hold(
    [
      readingGently('empty route', reads, { service: route.url, seconds }),
      readingGently(full, reads, { service, seconds }),
    ],
    { rounds },
  );
  const peak = async () => ({ ...found, peakMb: (await fleet.memory())['serve-1']!.peakMb });
  const once = await hold([{ name: full, round: peak }], { rounds: 1, warmUps: 0 });
  return merged(creation, lateness, reading, once);
}

function creating(name: string, service: string, seconds: number): Contestant {
  return { name, round: async () => ({ createsPerSecond: await createRate([service], seconds) }) };
}

function late(
  name: string,
  service: string,
  { seconds, faults }: { readonly seconds: number; readonly faults?: string[] },
): Contestant {
  return {
    name,
    async round() {
      const report = await steadyLateness({ service, perSecond: lateRate, seconds });
      faults?.push(...latenessFaults(name, report));
      return { latenessMsP50: report.p50, latenessMsP99: report.p99 };
    },
  };
}

function readingGently(
  name: string,
  reads: StatusReads,
  { service, seconds }: { readonly service: string; readonly seconds: number },
): Contestant {
  return {
    name,
    async round() {
      const { p50Ms, p99Ms } = await reads.askGently(service, seconds);
      return { readMsP50: p50Ms, readMsP99: p99Ms };
    },
  };
}

function targetsOf(standings: Standings): Target[] {
  const median = (name: string, figure: string) => standings[name]![figure]!.median;
  const share = (figure: string, other: string) => median(full, figure) / median(other, figure);
  return [
    atLeast("creates, share of an empty store's", 0.8, share('createsPerSecond', empty)),
    atMost(`lateness p99 at ${lateRate}/s, share of the bare program's`, 1.5, share('latenessMsP99', bare)),
    atMost('status read p99, ms', 5, median(full, 'readMsP99')),
    atMost('bytes on disk for each timer', 250, median(full, 'bytesPerTimer')),
    atMost('memory at the peak, MB', 250, median(full, 'peakMb')),
  ];
}

function chartsOf(standings: Standings, { engine, timers }: Pick<CapacityOptions, 'engine' | 'timers'>): Chart[] {
  const beside = `beside ${timers.toLocaleString('en')} waiting timers, ${engine}`;
  const range = 'the line goes from the lowest to the highest round';
  return [
    barsOf(standings, {
      title: `Timers created ${beside}`,
      unit: `per second; ${range}`,
      figures: { 'created, 64 connections': 'createsPerSecond' },
    }),
    barsOf(standings, {
      title: `Lateness ${beside}`,
      unit: `milliseconds from the due time to the arrival, at ${lateRate} timers a second; ${range}`,
      figures: { p50: 'latenessMsP50', p99: 'latenessMsP99' },
    }),
  ];
}
