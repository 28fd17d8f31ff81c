// How late are timers that are created all the time, some of them due at once? npm run bench -- lateness
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { type LatenessReport, latenessReport } from './support/lateness.ts';
import { startBenchReceiver } from './support/receiver.ts';
import { withService } from './support/service.ts';

export interface LatenessOptions {
  readonly perSecond?: number;
  readonly seconds?: number;
  readonly delayMsMin?: number;
  readonly delayMsMax?: number;
}

/** Creates timers one by one at an even rate, with delays spread evenly, each by a request of its own. */
export async function lateness(options: LatenessOptions = {}): Promise<LatenessReport & { createMsMax: number }> {
  const { perSecond = 500, seconds = 20, delayMsMin = 50, delayMsMax = 5_000 } = options;
  const receiver = await startBenchReceiver();
  try {
    return await withService(async ({ url }) => {
      const pool = new Pool(url, { connections: 32 });
      const dueById = new Map<string, number>();
      let createMsMax = 0;
      const create = async (delayMs: number) => {
        const startedAt = performance.now();
        const body = JSON.stringify({ delay: `${delayMs}ms`, url: receiver.url });
        const reply = await pool.request({
          path: '/timers',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        const timer = (await reply.body.json()) as { id: string; due_at: string };
        if (reply.statusCode !== 201) throw new Error(`a create was refused with ${reply.statusCode}`);
        createMsMax = Math.max(createMsMax, performance.now() - startedAt);
        dueById.set(timer.id, Date.parse(timer.due_at));
      };
      const total = perSecond * seconds;
      const startedAt = performance.now();
      const creates: Promise<void>[] = [];
      while (creates.length < total) {
        const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1000) * perSecond) + 1);
        while (creates.length < due)
          creates.push(create(delayMsMin + Math.floor(Math.random() * (delayMsMax - delayMsMin))));
        await delay(1);
      }
      await Promise.all(creates);
      await delay(delayMsMax + 1_000);
      await pool.close();
      return { ...latenessReport(dueById, await receiver.calls()), createMsMax: Math.round(createMsMax) };
    });
  } finally {
    await receiver.close();
  }
}
