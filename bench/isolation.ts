// Does a receiver that hangs, or one that is gone, delay another receiver's timers? npm run bench -- isolation
import { setTimeout as delay } from 'node:timers/promises';
import { createTimers } from '../test/support/create-timers.ts';
import { freePort } from '../test/support/service.ts';
import { type LatenessReport, latenessReport } from './support/lateness.ts';
import { startBenchReceiver } from './support/receiver.ts';
import { withService } from './support/service.ts';

export interface IsolationOptions {
  /** For each of the three receivers. */
  readonly timers?: number;
  readonly spanMs?: number;
}

/** Three receivers, each with as many timers due over the same span: one healthy, one that never answers, one that refuses connections. */
export async function isolation(options: IsolationOptions = {}): Promise<LatenessReport> {
  const { timers = 1_000, spanMs = 10_000 } = options;
  const healthy = await startBenchReceiver('answer');
  const hung = await startBenchReceiver('hang');
  const refusing = `http://127.0.0.1:${await freePort()}/hook`;
  try {
    return await withService(async ({ url }) => {
      const firstDueAt = Date.now() + 3_000;
      const toward = (target: string) =>
        Array.from({ length: timers }, (_, index) => ({
          at: new Date(firstDueAt + Math.floor((index * spanMs) / timers)).toISOString(),
          url: target,
        }));
      await createTimers(url, toward(hung.url));
      await createTimers(url, toward(refusing));
      const dueById = await createTimers(url, toward(healthy.url));
      await delay(firstDueAt + spanMs + 2_000 - Date.now());
      return latenessReport(dueById, await healthy.calls());
    });
  } finally {
    await Promise.all([healthy.close(), hung.close()]);
  }
}
