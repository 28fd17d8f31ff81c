import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Service, startService } from '../../test/support/service.ts';

/** Runs `work` with a service of its own on an empty store in a temporary folder; everything is gone afterwards. */
export async function withService<T>(work: (service: Service) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-bench-'));
  const service = await startService({ databasePath: join(folder, 'punctual.db') });
  try {
    return await work(service);
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
