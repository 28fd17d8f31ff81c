import { setTimeout as delay } from 'node:timers/promises';
import { type LatenessReport, latenessReport } from './lateness.ts';
import { startBenchReceiver } from './receiver.ts';
import { type Created, createSteadily, type SteadyLoad } from './steady-load.ts';

/** The shortest lie far within the horizon: nobody looks for them in time who is not told. */
const delays = { delayMsMin: 50, delayMsMax: 5_000 };
/** After so many seconds the last of a load's timers is due. */
export const delaySecondsMax = delays.delayMsMax / 1_000;
const settleMs = 1_000;

/** What became of the timers, and how long their creates took. */
export type SteadyLateness = LatenessReport & Omit<Created, 'dueById'>;

/** Creates timers steadily, with delays of 50 ms to 5 s, and waits until a receiver of their own must have got them all. */
export async function steadyLateness(
  load: Pick<SteadyLoad, 'service' | 'perSecond' | 'seconds'>,
): Promise<SteadyLateness> {
  const receiver = await startBenchReceiver();
  try {
    const { dueById, ...creates } = await createSteadily({ ...load, ...delays, target: receiver.url });
    await delay(delays.delayMsMax + settleMs);
    return { ...latenessReport(dueById, await receiver.calls()), ...creates };
  } finally {
    await receiver.close();
  }
}

/** What must not be, as said of `who`; empty where nothing was. */
export function latenessFaults(who: string, { lost, twice, early }: LatenessReport): string[] {
  return lost + twice + early > 0 ? [`${who}: ${lost} lost, ${twice} repeated, ${early} early`] : [];
}
