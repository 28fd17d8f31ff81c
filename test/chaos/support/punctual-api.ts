import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Status } from '../../../src/timer/timer.ts';

/** The numbers of `GET /stats`. */
export interface Stats {
  readonly accepted: number;
  readonly waiting: number;
  readonly executing: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly uncertain: number;
  readonly purged: number;
  readonly identity_holds: boolean;
  readonly audit?: { readonly equal: boolean | null };
  readonly missing_shards?: readonly number[];
}

/** A timer as `GET /timers` lists it. */
export interface PageTimer {
  readonly id: string;
  readonly status: Status;
  readonly url: string;
}

/** What `GET /timers` answers. */
export interface Page {
  readonly timers: readonly PageTimer[];
  readonly next_cursor: string | null;
  readonly missing_shards?: readonly number[];
}

const answerMsMax = 20_000;

const client = new Agent({ pipelining: 0 });

/** What a GET answers. Throws where that is not a 200. Over a connection of its own: the other end of one that was kept may have been killed. */
export async function getJson<T>(url: string): Promise<T> {
  const timeouts = { headersTimeout: answerMsMax, bodyTimeout: answerMsMax };
  const reply = await request(url, { dispatcher: client, ...timeouts });
  const text = await reply.body.text();
  if (reply.statusCode !== 200) throw new Error(`GET ${url}: ${reply.statusCode} ${text}`);
  return JSON.parse(text) as T;
}

/** The status that a GET is answered with. */
export async function statusOf(url: string): Promise<number> {
  const reply = await request(url, { dispatcher: client, headersTimeout: answerMsMax });
  await reply.body.dump();
  return reply.statusCode;
}

/** So long no timer must be open: a controller that was paused may wake up and say of an uncertain one that it was never sent. */
const quietMs = 1_500;

/** Waits until no timer is open any more, and `count` were accepted where that is given. Rejects with the numbers when it takes too long. */
export async function allEnded(
  api: string,
  { count, withinMs }: { readonly count?: number; readonly withinMs: number },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  let quietSince = Number.POSITIVE_INFINITY;
  while (performance.now() < quietSince + quietMs) {
    const stats = await getJson<Stats>(`${api}/stats`);
    const isQuiet = stats.waiting + stats.executing === 0 && stats.accepted === (count ?? stats.accepted);
    quietSince = isQuiet ? Math.min(quietSince, performance.now()) : Number.POSITIVE_INFINITY;
    if (!isQuiet && performance.now() > deadline) throw new Error(`timers are still open: ${JSON.stringify(stats)}`);
    await delay(200);
  }
}

/** The ids of all timers of a status. */
export async function listIds(api: string, status: Status): Promise<string[]> {
  return (await listTimers(api, `&status=${status}`)).map(({ id }) => id);
}

/** All timers, or those that further parameters choose, page by page. */
export async function listTimers(api: string, parameters = ''): Promise<PageTimer[]> {
  const timers: PageTimer[] = [];
  let cursor = '';
  do {
    const page = await getJson<Page>(`${api}/timers?limit=500${parameters}${cursor && `&cursor=${cursor}`}`);
    timers.push(...page.timers);
    cursor = page.next_cursor ?? '';
  } while (cursor);
  return timers;
}

/** Waits until all of them say that they are ready. Rejects when that takes too long. */
export async function untilAllReady(apis: readonly string[], withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (const api of apis) {
    while ((await statusOf(`${api}/readyz`).catch(() => 0)) !== 200) {
      if (performance.now() > deadline) throw new Error(`${api} is not ready`);
      await delay(100);
    }
  }
}
