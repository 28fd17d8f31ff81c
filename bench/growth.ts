// What do a backlog and more processes do to the rates? npm run bench -- growth --engine postgres
import type { FleetPlan } from '../test/support/fleet-plan.ts';
import type { Report } from '../test/support/report.ts';
import type { Lines } from './support/chart.ts';
import { type Contestant, hold, type Standings } from './support/contest.ts';
import { CountingReceiver } from './support/counting-receiver.ts';
import { createRate } from './support/create-rate.ts';
import { withClient } from './support/database-client.ts';
import { type Filling, fill, overdue, waiting } from './support/fill.ts';
import { publish } from './support/outcome.ts';
import { type Engine, type Home, startPunctual, withHomes } from './support/punctual.ts';
import { tidy } from './support/tidy.ts';

export interface GrowthOptions {
  readonly engine: Engine;
  /** The largest backlog. */
  readonly to: number;
  /** Overdue each time: so many are fired to see how fast. */
  readonly timers: number;
  readonly rounds: number;
  /** How long timers are created each time to see how fast. */
  readonly seconds: number;
  readonly results: string;
}

/** What the rates are measured of. Each process is API and controller. */
interface Setup {
  readonly databases: number;
  readonly processes: number;
  /** Timers that wait beside those that are fired and created. */
  readonly backlog: number;
}

const backlogs = [0, 10_000, 100_000, 1_000_000, 10_000_000];
const sizes = [1, 2, 3];
const warmUpSeconds = 1;
/** From here on a backlog is stored once, and not for each round: what rounds leave behind is little beside it. */
const keptFrom = 1_000_000;

/** Each setup anew in every round, so that nothing but its backlog is in its databases; but for the large backlogs. */
export function growth({ to, rounds, results, ...work }: GrowthOptions): Promise<Report> {
  const { engine } = work;
  const within = backlogs.filter((backlog) => backlog <= to);
  const large = within.filter((backlog) => backlog >= keptFrom);
  return withHomes(engine, large.length, async (homes) => {
    for (const [at, backlog] of large.entries()) await storeOn([homes[at]!], backlog);
    const kept = new Map(large.map((backlog, at) => [backlog, homes[at]!]));
    return contest({ within, rounds, results, kept, ...work });
  });
}

interface Contest extends Omit<GrowthOptions, 'to'> {
  readonly within: readonly number[];
  /** Databases that have their backlog, by that. */
  readonly kept: ReadonlyMap<number, Home>;
}

async function contest({ within, rounds, results, kept, ...work }: Contest): Promise<Report> {
  const { engine } = work;
  const faults: string[] = [];
  // A file takes one process, and is not one of several databases.
  const grows = engine !== 'sqlite';
  const setups = [...within.map(beside), ...(grows ? [...sizes.map(sharing), ...sizes.map(apiece)] : [])];
  // Of each kind, the first is the same: one process on one database without a backlog.
  const unlike = new Map(setups.map((setup) => [nameOf(setup), setup])).values();
  const contestants = [...unlike].map((setup) => measuring(setup, { ...work, kept, faults }));
  const standings = await hold(contestants, { rounds, warmUps: 0 });
  const charts = [backlogChart(standings, { engine, within }), ...(grows ? sizeCharts(standings, engine) : [])];
  return publish({ name: `growth-${engine}`, standings, targets: [], charts, faults }, results);
}

function beside(backlog: number): Setup {
  return { databases: 1, processes: 1, backlog };
}

/** More processes on one database. */
function sharing(processes: number): Setup {
  return { databases: 1, processes, backlog: 0 };
}

/** As many databases as processes: shards, of which every process has all. */
function apiece(processes: number): Setup {
  return { databases: processes, processes, backlog: 0 };
}

function nameOf({ databases, processes, backlog }: Setup): string {
  if (processes > 1)
    return databases === 1 ? `${processes} processes, one database` : `${processes} processes, ${databases} databases`;
  return backlog === 0 ? 'one process, nothing waits' : `one process, ${backlog.toLocaleString('en')} wait`;
}

interface Work extends Pick<Contest, 'engine' | 'timers' | 'seconds' | 'kept'> {
  readonly faults: string[];
}

function measuring(setup: Setup, work: Work): Contestant {
  const home = work.kept.get(setup.backlog);
  const round = () =>
    withHomes(work.engine, setup.databases, async (homes) => {
      await storeOn(homes, setup.backlog);
      return measure(setup, homes, work);
    });
  return { name: nameOf(setup), round: home ? () => measure(setup, [home], work) : round };
}

/** Stores so many timers on each of the databases, due in a day or two, or as `fillingOf` says. */
async function storeOn(homes: readonly Home[], timers: number, fillingOf: (shard: number) => Filling = () => waiting) {
  for (const [shard, { databaseUrl }] of homes.entries()) {
    await fill(databaseUrl, timers, fillingOf(shard), { shard, shards: homes.length });
  }
}

async function measure(setup: Setup, homes: readonly Home[], { engine, timers, seconds, faults }: Work) {
  await using leaving = new AsyncDisposableStack();
  const each = Math.ceil(timers / homes.length);
  const receiver = await CountingReceiver.start(each * homes.length);
  leaving.defer(() => receiver.close());
  await storeOn(homes, each, (shard) => overdue(each, (number) => ({ url: receiver.url(shard * each + number) })));
  for (const { databaseUrl } of homes) {
    if (engine !== 'sqlite') await withClient(engine, databaseUrl, (ask) => tidy(engine, ask));
  }
  const databaseUrl = homes.map((home) => home.databaseUrl).join(',');
  const fleet = await startPunctual({ engine, databaseUrl }, planOf(setup));
  leaving.defer(() => fleet.end());
  await receiver.until(each * homes.length);
  faults.push(...(await receiver.faults(nameOf(setup))), ...fleet.endedByThemselves);
  await createRate(fleet.urls('serve'), warmUpSeconds);
  return { firedPerSecond: receiver.perSecond, createdPerSecond: await createRate(fleet.urls('serve'), seconds) };
}

function planOf({ processes }: Setup): FleetPlan {
  return Object.fromEntries(Array.from({ length: processes }, (_, at) => [`serve-${at + 1}`, 'serve']));
}

const unit = 'timers per second, medians';
/** The figures by what is said of the timers. */
const figures = { created: 'createdPerSecond', fired: 'firedPerSecond' };

function backlogChart(
  standings: Standings,
  { engine, within }: { readonly engine: Engine; readonly within: readonly number[] },
): Lines {
  const setups = within.map(beside);
  const series = Object.entries(figures).map(([done, figure]) => [done, mediansOf(standings, setups, figure)]);
  return {
    kind: 'lines',
    title: `Timers created and fired beside a backlog, ${engine}`,
    unit,
    over: 'timers waiting',
    labels: within.map((backlog) => backlog.toLocaleString('en')),
    series: Object.fromEntries(series),
  };
}

function sizeCharts(standings: Standings, engine: Engine): Lines[] {
  return Object.entries(figures).map(([done, figure]) => ({
    kind: 'lines',
    title: `Timers ${done} by more processes, ${engine}`,
    unit,
    over: 'processes, each API and controller',
    labels: sizes.map(String),
    series: {
      'one database': mediansOf(standings, sizes.map(sharing), figure),
      'a database for each process': mediansOf(standings, sizes.map(apiece), figure),
    },
  }));
}

function mediansOf(standings: Standings, setups: readonly Setup[], figure: string): (number | undefined)[] {
  return setups.map((setup) => standings[nameOf(setup)]?.[figure]?.median);
}
