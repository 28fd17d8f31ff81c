// Everything that can go wrong goes wrong under load, one after another: npm run chaos -- mixed --engine postgres --minutes 30

import { setTimeout as delay } from 'node:timers/promises';
import { Chance } from '../support/chance.ts';
import type { Counts, Evidence, ListedTimer } from '../support/checker/evidence.ts';
import { judge } from '../support/checker/judge.ts';
import { percentilesOf } from '../support/percentiles.ts';
import { flat, type Report } from '../support/report.ts';
import { elsewhere, harms } from './support/harms.ts';
import { keepEvidence } from './support/keep-evidence.ts';
import { MixedLoad } from './support/mixed-load.ts';
import { type ChaosEngine, onScene, type Scene } from './support/mixed-scene.ts';
import { asDisturbances, type Stall, secondsOf, watchOwnStalls } from './support/own-stalls.ts';
import { allEnded, getJson, listTimers, type Stats, untilAllReady } from './support/punctual-api.ts';
import { disturbancesOf } from './support/verdict.ts';

export interface MixedOptions {
  readonly engine: ChaosEngine;
  /** Harms follow each other for so long, and until each was done once. */
  readonly forMs: number;
  readonly seed: number;
  readonly perSecond: number;
  /** Timers are due between now and this far ahead. */
  readonly spanMs: number;
  /** The part of their usual time that harms take. */
  readonly pace: number;
}

const readyWithinMs = 60_000;
const endsWithinMs = 120_000;

/** One process on a file, or two APIs and two controllers on a server. */
export function harmEverything(options: MixedOptions): Promise<Report> {
  const ownStalls = watchOwnStalls();
  return onScene(options, async (scene) => {
    const { fleet, receiver, seed } = scene;
    const { perSecond, spanMs } = options;
    const apis = scene.apis.map((name) => fleet.url(name));
    // Of its own: what harms draw must not hang on how fast the load is.
    const chance = new Chance(seed + 1);
    const load = new MixedLoad({ apis, perSecond, spanMs, receiverUrl: receiver.url, chance });
    const startedAt = Date.now();
    const done = await doHarms(scene, options.forMs);
    await untilAllReady(apis, readyWithinMs);
    await load.stop();
    await allEnded(apis[0]!, { withinMs: endsWithinMs });
    const stalls = [...ownStalls, ...(await receiver.stalls())];
    return await report(scene, { load, done, stalls, tookMs: Date.now() - startedAt, api: apis.at(-1)! });
  });
}

/** From when until when a harm was done, in milliseconds since the epoch. */
interface Span {
  readonly from: number;
  readonly until: number;
}

interface Harmed {
  readonly spans: readonly Span[];
  readonly times: ReadonlyMap<string, number>;
  /** By the names of those that this machine does not allow. */
  readonly leftOut: Readonly<Record<string, { readonly because: string }>>;
}

async function doHarms(scene: Scene, forMs: number): Promise<Harmed> {
  const missing = Object.entries(harms).map(([name, harm]) => [name, harm.missing?.(scene)] as const);
  const possible = missing.filter(([, because]) => because === undefined).map(([name]) => name);
  const times = new Map(possible.map((name) => [name, 0]));
  const spans: Span[] = [];
  const endAt = performance.now() + forMs;
  do {
    for (const name of scene.chance.shuffled(possible)) {
      const isRepeat = times.get(name)! > 0;
      if (isRepeat && performance.now() > endAt) break;
      await delay(scene.chance.whole(1_500, 4_000) * scene.pace);
      const from = Date.now();
      await harms[name]!.run(scene);
      spans.push({ from, until: Date.now() });
      times.set(name, times.get(name)! + 1);
    }
  } while (performance.now() < endAt);
  const leftOut = missing.filter(([, because]) => because !== undefined && because !== elsewhere);
  return { spans, times, leftOut: Object.fromEntries(leftOut.map(([name, because]) => [name, { because: because! }])) };
}

interface Run {
  readonly load: MixedLoad;
  readonly done: Harmed;
  /** When this run stood still itself: its proxies, or its receiver. */
  readonly stalls: readonly Stall[];
  readonly tookMs: number;
  readonly api: string;
}

async function report(scene: Scene, { load, done, stalls, tookMs, api }: Run): Promise<Report> {
  const { fleet, seed } = scene;
  const evidence: Evidence = {
    orders: load.orders,
    calls: await scene.receiver.received(),
    timers: await listed(api),
    counts: countsOf(await getJson<Stats>(`${api}/stats?audit=true`)),
    disturbances: [...scene.disturbances, ...disturbancesOf(fleet.interruptions), ...asDisturbances(stalls)],
  };
  const { figures, faults } = judge(evidence);
  if (faults.length > 0) {
    const path = await keepEvidence(evidence, { faults, api, output: fleet.output() });
    console.log(`What is known of the timers that are named below is in ${path}.`);
  }
  const leftOut = Object.keys(done.leftOut);
  return {
    figures: {
      seed,
      minutes: Math.round(tookMs / 6_000) / 10,
      harms: [...done.times.values()].reduce((sum, times) => sum + times, 0),
      ownStalls: stalls.length,
      ownStallsSeconds: secondsOf(stalls),
      harmsLeftOut: leftOut.length === 0 ? 'none' : leftOut.join(', '),
      ...figures,
      ...flat({ latenessMsOutsideHarms: latenessOutsideHarms(evidence, done.spans) }),
      ...flat({ counts: evidence.counts }),
    },
    tables: {
      Harms: Object.fromEntries([...done.times].map(([name, times]) => [name, { times }])),
      'HARMS LEFT OUT, SINCE THIS MACHINE DOES NOT ALLOW THEM': done.leftOut,
      'Answers other than success': Object.fromEntries(
        Object.entries(load.refusals).map(([code, times]) => [code, { times }]),
      ),
      'Memory in MB': await fleet.memory(),
    },
    faults: [...faults, ...load.faults, ...fleet.endedByThemselves],
  };
}

/** Every timer that the service has, with the order that it stems from. */
async function listed(api: string): Promise<ListedTimer[]> {
  const timers = await listTimers(api);
  return timers.map(({ id, status, url }) => ({ id, status, order: Number(url.slice(url.lastIndexOf('/') + 1)) }));
}

function countsOf({ identity_holds: _, audit, ...counts }: Stats): Counts {
  const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  const auditEqual = audit?.equal ?? null;
  return { accepted, waiting, executing, done, failed, cancelled, uncertain, purged, auditEqual };
}

/** What a harm delays is worked off this long after it, in milliseconds. */
const backlogMs = 10_000;

/** How late the first calls were of timers that nobody changed and that came due while nothing was wrong. */
function latenessOutsideHarms({ orders, calls }: Evidence, spans: readonly Span[]) {
  const dueById = new Map<string, number>();
  for (const { tries, changes } of orders) {
    const answer = tries.at(-1)?.answer;
    if (answer?.kind === 'ok' && changes.length === 0) dueById.set(answer.id, answer.dueAt);
  }
  const isQuiet = (at: number) => !spans.some(({ from, until }) => at >= from && at <= until + backlogMs);
  const lateness: number[] = [];
  for (const { id, arrivedAt } of calls) {
    const dueAt = dueById.get(id);
    // Its later calls are repeats.
    dueById.delete(id);
    if (dueAt !== undefined && isQuiet(dueAt)) lateness.push(arrivedAt - dueAt);
  }
  const { p50, p99 } = percentilesOf(lateness);
  return { timers: lateness.length, p50, p99 };
}
