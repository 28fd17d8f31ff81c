// The database dies under load and comes back: npm run chaos -- database --engine postgres
import { setTimeout as delay } from 'node:timers/promises';
import type { AcceptedById } from '../support/load.ts';
import { Load } from '../support/load.ts';
import { percentilesOf } from '../support/percentiles.ts';
import { flat, type Report } from '../support/report.ts';
import type { ServerEngine } from '../support/servers/database-server.ts';
import { createSpread } from './support/create-spread.ts';
import { type Ground, onGround } from './support/ground.ts';
import { latenessOf } from './support/lateness.ts';
import { allEnded, getJson, listIds, type Stats, statusOf } from './support/punctual-api.ts';
import { statsReport } from './support/stats-report.ts';
import { faultsOf, judge } from './support/verdict.ts';

export interface DatabaseOptions {
  readonly engine: ServerEngine;
  /** Created beforehand, and due over this span. */
  readonly timers: number;
  readonly spanMs: number;
  /** So many more are created meanwhile. */
  readonly perSecond: number;
  /** The database is killed this long after the first timer was due, and started again so much later. */
  readonly killAfterMs: number;
  readonly outageMs: number;
}

const answerMsMax = 30;
const endsWithinMs = 90_000;
/** Enough to create the timers before the first is due, per thousand of them. */
const createMsPerThousand = 250;
/** A client learns within this that its create cannot be stored now. */
const refusedWithinMs = 10_000;
const memoryMbMax = 400;

interface Outage {
  /** Milliseconds since the epoch. */
  readonly killedAt: number;
  readonly backAt: number;
  readonly peakMbBefore: Readonly<Record<string, number>>;
  /** What `/readyz` of each process answered in the middle of it. */
  readonly readiness: readonly number[];
}

/** Three APIs and three controllers on one database server, which is killed with SIGKILL. */
export function killDatabase(options: DatabaseOptions): Promise<Report> {
  return onGround({ engine: options.engine, apis: 3, controllers: 3, answerMsMax }, async (ground) => {
    const { receiver, apis } = ground;
    const firstDueAt = Date.now() + 3_000 + (options.timers / 1_000) * createMsPerThousand;
    const spread = { ...options, delivery: 'at-least-once', firstDueAt, receiverUrl: receiver.url } as const;
    const ahead = await createSpread(apis, spread);
    await delay(firstDueAt - Date.now());
    const { perSecond } = options;
    const load = new Load({
      apis,
      perSecond,
      delayMsMin: 50,
      delayMsMax: 5_000,
      receiverUrl: receiver.url,
      keyed: true,
    });
    await delay(options.killAfterMs);
    const outage = await killAndStart(ground, options.outageMs);
    await delay(Math.max(2_000, firstDueAt + options.spanMs - Date.now()));
    await load.stop();
    const accepted = new Map([...ahead, ...load.accepted]);
    await allEnded(apis[0]!, { count: accepted.size, withinMs: endsWithinMs });
    return await report(ground, { accepted, load, outage });
  });
}

async function killAndStart({ servers, fleet, apis }: Ground, outageMs: number): Promise<Outage> {
  const [server] = servers;
  const before = Object.entries(await fleet.memory()).map(([name, { peakMb }]) => [name, peakMb]);
  const killedAt = Date.now();
  await server!.kill('SIGKILL');
  await delay(outageMs / 2);
  const readiness = await Promise.all(apis.map((api) => statusOf(`${api}/readyz`)));
  await delay(Math.max(0, killedAt + outageMs - Date.now()));
  await server!.start();
  return { killedAt, backAt: Date.now(), peakMbBefore: Object.fromEntries(before), readiness };
}

interface Run {
  readonly accepted: AcceptedById;
  readonly load: Load;
  readonly outage: Outage;
}

async function report({ fleet, receiver, apis }: Ground, { accepted, load, outage }: Run): Promise<Report> {
  const stats = statsReport(await getJson<Stats>(`${apis[2]}/stats?audit=true`), accepted.size);
  const received = await receiver.received();
  const verdict = judge({
    accepted,
    uncertain: new Set(await listIds(apis[1]!, 'uncertain')),
    received,
    disturbances: [{ concerns: () => true, from: outage.killedAt, until: outage.backAt }],
  });
  const memory = await memoryReport(fleet, outage);
  const clients = load.figures();
  const faults = [...faultsOf(verdict), ...load.faults, ...stats.faults, ...memory.faults, ...fleet.endedByThemselves];
  if (clients.answerMsMax > refusedWithinMs) faults.push(`a client waited ${clients.answerMsMax} ms for an answer`);
  if (!clients.refusals.store_unavailable) faults.push('no create was refused while the database was dead');
  if (outage.readiness.some((status) => status !== 503)) faults.push('/readyz was not 503 while the database was dead');
  const figures = {
    ...verdict,
    outageMs: outage.backAt - outage.killedAt,
    ...flat(missedFigures(accepted, latenessOf(accepted, received), outage)),
    ...flat(clients),
    ...stats.figures,
  };
  return { figures, tables: { 'Memory in MB': memory.table }, faults };
}

/** The timers that came due while the database was dead. */
function missedFigures(accepted: AcceptedById, lateness: ReadonlyMap<string, number>, { killedAt, backAt }: Outage) {
  const missed = [...accepted].filter(([, { dueAt }]) => dueAt >= killedAt && dueAt < backAt);
  const afterReturnMs = missed.map(
    ([id, { dueAt }]) => dueAt + (lateness.get(id) ?? Number.POSITIVE_INFINITY) - backAt,
  );
  const { p50, p99, max } = percentilesOf(afterReturnMs.filter((ms) => ms >= 0));
  return {
    dueDuringOutage: missed.length,
    calledDuringOutage: afterReturnMs.filter((ms) => ms < 0).length,
    calledAfterReturnMs: { p50, p99, max },
  };
}

async function memoryReport(fleet: Ground['fleet'], { peakMbBefore }: Outage) {
  const memory = Object.entries(await fleet.memory());
  const table = memory.map(([name, { nowMb, peakMb }]) => [
    name,
    { peakMbBefore: peakMbBefore[name], peakMbAfter: peakMb, nowMb },
  ]);
  const large = memory.filter(([, { peakMb }]) => peakMb > memoryMbMax);
  return {
    table: Object.fromEntries(table) as Record<string, object>,
    faults: large.map(([name, { peakMb }]) => `${name} took ${peakMb} MB, more than ${memoryMbMax}`),
  };
}
