// One of three databases dies under load and comes back: npm run chaos -- shards
import { setTimeout as delay } from 'node:timers/promises';
import { shardOf, type TimerId } from '../../src/timer/id.ts';
import type { Disturbance } from '../support/checker/disturbances.ts';
import type { AcceptedById } from '../support/load.ts';
import { Load } from '../support/load.ts';
import { percentilesOf } from '../support/percentiles.ts';
import { flat, type Report } from '../support/report.ts';
import { type Ground, onGround } from './support/ground.ts';
import { latenessOf } from './support/lateness.ts';
import { allEnded, getJson, type Page, type Stats } from './support/punctual-api.ts';
import { statsReport } from './support/stats-report.ts';
import { faultsOf, judge } from './support/verdict.ts';

export interface ShardsOptions {
  readonly perSecond: number;
  /** Load without a disturbance, then one server dead, then all of them again. */
  readonly beforeMs: number;
  readonly outageMs: number;
  readonly afterMs: number;
}

const shards = 3;
/** The one that is killed: not the first, which could be taken for a default. */
const victim = 1;
const delayMsMin = 50;
const delayMsMax = 5_000;
const endsWithinMs = 60_000;
const latenessMsMax = 100;
/** A database's backlog has been worked off so long after its return. */
const recoveryMs = 15_000;

interface Outage {
  /** Milliseconds since the epoch. */
  readonly killedAt: number;
  readonly backAt: number;
  /** What `GET /timers` of each API said of missing shards in the middle of it. */
  readonly missing: readonly (readonly number[])[];
}

/** Two APIs and two controllers on three PostgreSQL servers. */
export function killShard(options: ShardsOptions): Promise<Report> {
  const size = { engine: 'postgres', servers: shards, apis: 2, controllers: 2, answerMsMax: 5 } as const;
  return onGround(size, async (ground) => {
    const { apis, receiver } = ground;
    const { perSecond } = options;
    const load = new Load({ apis, perSecond, delayMsMin, delayMsMax, receiverUrl: receiver.url, keyed: false });
    await delay(options.beforeMs);
    const outage = await killAndStart(ground, options.outageMs);
    await delay(options.afterMs);
    await load.stop();
    await allEnded(apis[0]!, { withinMs: endsWithinMs });
    return await report(ground, load, outage);
  });
}

async function killAndStart({ servers, apis }: Ground, outageMs: number): Promise<Outage> {
  const server = servers[victim]!;
  const killedAt = Date.now();
  await server.kill('SIGKILL');
  await delay(outageMs / 2);
  const pages = await Promise.all(apis.map((api) => getJson<Page>(`${api}/timers?limit=1`)));
  await delay(Math.max(0, killedAt + outageMs - Date.now()));
  await server.start();
  return { killedAt, backAt: Date.now(), missing: pages.map((page) => page.missing_shards ?? []) };
}

async function report({ fleet, receiver, apis }: Ground, load: Load, outage: Outage): Promise<Report> {
  const { accepted } = load;
  const counted = await getJson<Stats>(`${apis.at(-1)}/stats?audit=true`);
  const received = await receiver.received();
  const concerns: Disturbance['concerns'] = ({ id }) => shardOf(id as TimerId) === victim;
  const disturbances = [{ concerns, from: outage.killedAt, until: outage.backAt }];
  const verdict = judge({ accepted, uncertain: new Set(), received, disturbances });
  // A create without a key whose commit nobody knows of may have been stored: nobody else is a stranger.
  const strangers = Math.max(0, verdict.strangers - load.unknown);
  const stats = statsReport(counted, accepted.size + verdict.strangers);
  const lateness = latenessOf(accepted, received);
  const phases = phasesOf(accepted, lateness, outage);
  const missed = missedFigures(accepted, lateness, outage);
  const faults = [...faultsOf({ ...verdict, strangers }), ...load.faults, ...stats.faults, ...fleet.endedByThemselves];
  faults.push(...shardFaults(phases, outage));
  if (missed.lastCalledAfterReturnMs > recoveryMs)
    faults.push(`the dead shard's timers had not all been called ${recoveryMs} ms after its return`);
  return {
    figures: { ...verdict, ...missed, unknown: load.unknown, ...flat(load.figures()), ...stats.figures },
    tables: { 'Lateness in ms, by shard and due time': tableOf(phases), 'Memory in MB': await fleet.memory() },
    faults,
  };
}

const phaseNames = ['before', 'during', 'after'] as const;

interface Phase {
  readonly shard: number;
  readonly phase: (typeof phaseNames)[number];
  readonly timers: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The lateness of each shard's timers by when they were due: before, during and after the outage. */
function phasesOf(accepted: AcceptedById, lateness: ReadonlyMap<string, number>, { killedAt, backAt }: Outage) {
  const phaseOf = (dueAt: number) => (dueAt < killedAt ? 'before' : dueAt < backAt ? 'during' : 'after');
  const groups = Map.groupBy(lateness, ([id]) => `${shardOf(id as TimerId)} ${phaseOf(accepted.get(id)!.dueAt)}`);
  const names = Array.from({ length: shards }, (_, shard) => phaseNames.map((phase) => ({ shard, phase }))).flat();
  const phases = names.map(({ shard, phase }): Phase => {
    const timers = groups.get(`${shard} ${phase}`) ?? [];
    const { p50, p99, max } = percentilesOf(timers.map(([, ms]) => ms));
    return { shard, phase, timers: timers.length, p50, p99, max };
  });
  return phases;
}

function tableOf(phases: readonly Phase[]): Record<string, object> {
  return Object.fromEntries(phases.map(({ shard, phase, ...rest }) => [`${shard} ${phase}`, rest]));
}

function shardFaults(phases: readonly Phase[], { missing }: Outage): string[] {
  const late = phases.filter(({ shard, p99 }) => shard !== victim && !(p99 < latenessMsMax));
  const faults = late.map(
    ({ shard, phase, p99 }) => `lateness p99 of shard ${shard} ${phase} the outage was ${p99} ms`,
  );
  for (const shards of missing) {
    if (String(shards) !== String([victim])) faults.push(`GET /timers named as missing: [${shards}], not [${victim}]`);
  }
  return faults;
}

/** The timers of the dead shard that came due while it was dead, and what was created meanwhile. */
function missedFigures(accepted: AcceptedById, lateness: ReadonlyMap<string, number>, { killedAt, backAt }: Outage) {
  const missed = [...accepted].filter(([id, { dueAt }]) => {
    return shardOf(id as TimerId) === victim && dueAt >= killedAt && dueAt < backAt;
  });
  const afterReturnMs = missed.map(
    ([id, { dueAt }]) => dueAt + (lateness.get(id) ?? Number.POSITIVE_INFINITY) - backAt,
  );
  return {
    outageMs: backAt - killedAt,
    dueOnDeadShard: missed.length,
    lastCalledAfterReturnMs: Math.max(0, ...afterReturnMs),
  };
}
