import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../src/timer/timer.ts';
import { createTimers } from '../support/create-timers.ts';
import { freePort, type Service, startService } from '../support/service.ts';

export interface KillOptions {
  readonly timers: number;
  readonly kills: number;
  readonly delivery: Delivery;
  /** The timers come due over this span. */
  readonly spanMs: number;
  /** The receiver takes up to this long for an answer, so that calls are on the wire at each kill. */
  readonly answerMsMax: number;
}

/** What is left to say after the last timer has ended. */
export interface KillReport {
  readonly accepted: number;
  readonly kills: number;
  readonly states: Readonly<Record<string, number>>;
  /** Accepted, but neither called nor `uncertain`. */
  readonly lost: number;
  /** `uncertain` timers, as `GET /timers?status=uncertain` lists them; of these the receiver had got `uncertainReceived`. */
  readonly uncertain: number;
  readonly uncertainReceived: number;
  /** Calls that were before their time. */
  readonly early: number;
  /** Calls beyond a timer's first. */
  readonly repeats: number;
  /** Repeats whose earlier call was not on the wire, or just answered, at a kill. Must be 0. */
  readonly repeatsUnexplained: number;
  /** Calls whose `webhook-id` is not their timer's. */
  readonly wrongIds: number;
  /** The most time that passed between the answer to a call and the kill that made it be repeated: answered, but not yet on disk. */
  readonly answeredBeforeKillMsMax: number;
  readonly identityHolds: boolean;
}

interface Visit {
  readonly arrivedAt: number;
  answeredAt: number;
}

/** A call that was answered at most this long before a kill may not have reached the disk: one commit, on a busy machine. */
const settleMsMax = 250;

/**
 * Kills the service with SIGKILL again and again while its timers come due, starts it again each time, and then compares what it
 * accepted with what the receiver got.
 */
export async function killAgainAndAgain(options: KillOptions): Promise<KillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-kill-'));
  const receiver = await startVisitReceiver(options.answerMsMax);
  const settings = { databasePath: join(folder, 'punctual.db'), port: await freePort() };
  let service: Service | undefined;
  try {
    service = await startService(settings);
    const firstDueAt = Date.now() + 3_000;
    const accepted = await createTimers(service.url, timersOver(options, firstDueAt, receiver.url));
    const killedAt: number[] = [];
    for (let kill = 1; kill <= options.kills; kill++) {
      const at = firstDueAt + (options.spanMs * kill) / (options.kills + 1);
      await delay(Math.max(0, at - Date.now()));
      killedAt.push(Date.now());
      await service.end('SIGKILL');
      service = await startService(settings);
    }
    await allEnded(service.url, accepted.size, firstDueAt + options.spanMs + 60_000);
    return await report(service.url, { accepted, visits: receiver.visits, wrongIds: receiver.wrongIds(), killedAt });
  } finally {
    await service?.end('SIGTERM');
    await receiver.close();
    await rm(folder, { recursive: true });
  }
}

async function startVisitReceiver(answerMsMax: number) {
  const visits = new Map<string, Visit[]>();
  let wrongIds = 0;
  const server = createServer((request, response) => {
    const visit = { arrivedAt: Date.now(), answeredAt: Number.POSITIVE_INFINITY };
    const id = request.url!.slice(request.url!.lastIndexOf('/') + 1);
    if (request.headers['webhook-id'] !== id) wrongIds += 1;
    visits.set(id, [...(visits.get(id) ?? []), visit]);
    request.resume();
    setTimeout(() => {
      visit.answeredAt = Date.now();
      response.end();
    }, Math.random() * answerMsMax);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    visits,
    wrongIds: () => wrongIds,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** Timers that come due evenly over the span. */
function timersOver({ timers, spanMs, delivery }: KillOptions, firstDueAt: number, url: string): object[] {
  return Array.from({ length: timers }, (_, index) => ({
    at: new Date(firstDueAt + Math.floor((index * spanMs) / timers)).toISOString(),
    url,
    delivery,
  }));
}

interface Stats {
  readonly [state: string]: number;
}

async function allEnded(serviceUrl: string, count: number, deadline: number): Promise<void> {
  for (;;) {
    const stats = await getJson<Stats>(`${serviceUrl}/stats`);
    if (stats.waiting! + stats.executing! === 0 && stats.accepted === count) return;
    if (Date.now() > deadline) throw new Error(`timers are still open: ${JSON.stringify(stats)}`);
    await delay(200);
  }
}

async function report(
  serviceUrl: string,
  run: { accepted: Map<string, number>; visits: Map<string, Visit[]>; wrongIds: number; killedAt: number[] },
): Promise<KillReport> {
  const {
    identity_holds,
    audit: _audit,
    ...stats
  } = await getJson<Stats & { identity_holds: boolean }>(`${serviceUrl}/stats?audit=true`);
  const uncertain = new Set(await listIds(serviceUrl, 'uncertain'));
  const all = [...run.accepted].map(([id, dueAt]) => ({ id, dueAt, visits: run.visits.get(id) ?? [] }));
  const repeated = all.filter(({ visits }) => visits.length > 1);
  // Every visit but the last was followed by another: why?
  const superseded = repeated.flatMap(({ visits }) => visits.slice(0, -1));
  const beforeKillMs = superseded.map((visit) => sinceAnswerAtKill(visit, run.killedAt));
  const pick = (name: string) => stats[name] ?? 0;
  return {
    accepted: run.accepted.size,
    kills: run.killedAt.length,
    states: {
      done: pick('done'),
      failed: pick('failed'),
      uncertain: pick('uncertain'),
      waiting: pick('waiting'),
      executing: pick('executing'),
    },
    lost: all.filter(({ id, visits }) => visits.length === 0 && !uncertain.has(id)).length,
    uncertain: uncertain.size,
    uncertainReceived: [...uncertain].filter((id) => run.visits.has(id)).length,
    early: all.reduce((sum, { dueAt, visits }) => sum + visits.filter((visit) => visit.arrivedAt < dueAt).length, 0),
    repeats: superseded.length,
    repeatsUnexplained: beforeKillMs.filter((ms) => ms > settleMsMax).length,
    wrongIds: run.wrongIds,
    answeredBeforeKillMsMax: Math.max(0, ...beforeKillMs),
    identityHolds: identity_holds as boolean,
  };
}

/** How long before the first kill after its arrival the visit was answered; 0 while it was on the wire, Infinity where no kill came. */
function sinceAnswerAtKill(visit: Visit, killedAt: readonly number[]): number {
  const kill = killedAt.find((at) => at >= visit.arrivedAt - 5);
  return kill === undefined ? Number.POSITIVE_INFINITY : Math.max(0, kill - visit.answeredAt);
}

async function listIds(serviceUrl: string, status: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '';
  do {
    const page = await getJson<{ timers: { id: string }[]; next_cursor: string | null }>(
      `${serviceUrl}/timers?status=${status}&limit=500${cursor && `&cursor=${cursor}`}`,
    );
    ids.push(...page.timers.map(({ id }) => id));
    cursor = page.next_cursor ?? '';
  } while (cursor);
  return ids;
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
