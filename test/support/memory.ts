import { readFile } from 'node:fs/promises';

/** What a process holds in memory, in MB: now (`VmRSS`), and the most that it has held so far (`VmHWM`). */
export interface Memory {
  readonly nowMb: number;
  readonly peakMb: number;
}

/** Reads it from /proc/PID/status: Linux alone has that. Undefined where the process has ended, or there is no /proc. */
export async function memoryOf(pid: number): Promise<Memory | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const megabytes = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024);
  const memory = { nowMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
  // A zombie has a status, but no memory.
  return Number.isNaN(memory.nowMb) ? undefined : memory;
}
