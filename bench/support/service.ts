import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Service, startService } from '../../test/support/service.ts';

/** Runs `work` with a service of its own on an empty store in a temporary folder; everything is gone afterwards. */
export async function withService<T>(
  work: (service: Service, restart: () => Promise<Service>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-bench-'));
  const options = { databasePath: join(folder, 'punctual.db') };
  let service = await startService(options);
  try {
    return await work(service, async () => {
      await service.end('SIGTERM');
      service = await startService(options);
      return service;
    });
  } finally {
    await service.end('SIGTERM');
    await rm(folder, { recursive: true });
  }
}

/** The most memory that the process has had so far, in MB (Linux: VmHWM of /proc/PID/status). */
export async function peakMemoryMb({ child }: Service): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

/** Creates timers in batches of at most 1,000; gives the due time of each, by id. */
export async function createBatch(serviceUrl: string, timers: readonly object[]): Promise<Map<string, number>> {
  const dueById = new Map<string, number>();
  for (let from = 0; from < timers.length; from += 1_000) {
    const body = JSON.stringify({ timers: timers.slice(from, from + 1_000) });
    const reply = await fetch(`${serviceUrl}/timers/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const { results } = (await reply.json()) as {
      results: { status: number; timer: { id: string; due_at: string } }[];
    };
    for (const { status, timer } of results) {
      if (status !== 201) throw new Error(`a create was refused with ${status}`);
      dueById.set(timer.id, Date.parse(timer.due_at));
    }
  }
  return dueById;
}
