import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Memory } from '../../test/support/memory.ts';
import type { ProcessFleet } from '../../test/support/process-fleet.ts';

/** What a process takes of the machine: of the processor over some time, in percent of one core; and memory. */
export interface Use extends Memory {
  readonly cpuPercent: number;
}

/** What the start leaves to be done later is over by then. */
const settleMs = 5_000;

/** What a process of the fleet takes that nobody asks anything: its threads together, over so many seconds, after some to settle. */
export async function idleUse(fleet: ProcessFleet, name: string, seconds: number): Promise<Use> {
  await delay(settleMs);
  const pid = fleet.pid(name)!;
  const before = await cpuSecondsOf(pid);
  const startedAt = performance.now();
  await delay(seconds * 1_000);
  const used = (await cpuSecondsOf(pid)) - before;
  const cpuPercent = Math.round((used / (performance.now() - startedAt)) * 1e7) / 100;
  return { cpuPercent, ...(await fleet.memory())[name]! };
}

/** Linux counts in hundredths of a second, whatever its kernel's own clock (USER_HZ; `man 5 proc`). */
const ticksPerSecond = 100;

/** How long all threads of the process have run so far, in user mode and in the kernel, in seconds (Linux: utime and stime of /proc/PID/stat). */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses, which may have spaces in it. Behind it, utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
