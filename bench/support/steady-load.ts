import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { percentilesOf } from '../../test/support/percentiles.ts';

export interface SteadyLoad {
  /** Of the service that creates timers. */
  readonly service: string;
  /** What the timers call. */
  readonly target: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/** What was created: when each is due, by id, in milliseconds since the epoch; and how long creates took. */
export interface Created {
  readonly dueById: ReadonlyMap<string, number>;
  readonly createMsP99: number;
  readonly createMsMax: number;
}

const connections = 64;
const headers = { 'content-type': 'application/json' };

/**
 * Creates timers one by one at an even rate, however fast answers come, with delays spread evenly. A create's time counts from when it
 * should have been made: one that waits for this very loop is late too. Throws when one is refused.
 */
export async function createSteadily(load: SteadyLoad): Promise<Created> {
  const { perSecond, seconds } = load;
  const pool = new Pool(load.service, { connections });
  const dueById = new Map<string, number>();
  const createMs: number[] = [];
  const startedAt = performance.now();
  const create = async (number: number) => {
    const { id, dueAt } = await createOne(pool, load);
    createMs.push(performance.now() - startedAt - (number / perSecond) * 1_000);
    dueById.set(id, dueAt);
  };
  const total = perSecond * seconds;
  const creates: Promise<void>[] = [];
  let isRefused = false;
  try {
    while (creates.length < total && !isRefused) {
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond) + 1);
      while (creates.length < due) {
        const made = create(creates.length);
        // What it was refused with is thrown below.
        made.catch(() => {
          isRefused = true;
        });
        creates.push(made);
      }
      await delay(1);
    }
    await Promise.all(creates);
  } finally {
    await pool.destroy();
  }
  const { p99, max } = percentilesOf(createMs);
  return { dueById, createMsP99: p99, createMsMax: max };
}

async function createOne(
  pool: Pool,
  { target, delayMsMin, delayMsMax }: SteadyLoad,
): Promise<{ id: string; dueAt: number }> {
  const delayMs = delayMsMin + Math.floor(Math.random() * (delayMsMax - delayMsMin));
  const body = JSON.stringify({ delay: `${delayMs}ms`, url: target });
  const reply = await pool.request({ path: '/timers', method: 'POST', headers, body });
  const answer = (await reply.body.json()) as { id: string; due_at: string };
  if (reply.statusCode !== 201) throw new Error(`a create was refused with ${reply.statusCode}`);
  return { id: answer.id, dueAt: Date.parse(answer.due_at) };
}
