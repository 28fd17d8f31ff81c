import type { Random } from '../timer/random.ts';
import { pause, type Timing } from './timing.ts';

export interface Retrying {
  readonly clock: Timing;
  readonly random: Random;
  /** Whether others got into the way of the transaction, which was rolled back as a whole, and may not the next time. */
  readonly isPassing: (error: unknown) => boolean;
  /** What such an error becomes when it does not pass. */
  readonly fault: (error: unknown) => unknown;
  /** No try begins this long after the first, in milliseconds. */
  readonly msMax: number;
}

const triesMax = 8;

/** Runs a transaction, and again after a moment that chance chooses where others got into its way. Throws what it throws in the end. */
export async function retried<Result>(
  work: () => Promise<Result>,
  { clock, random, isPassing, fault, msMax }: Retrying,
): Promise<Result> {
  const since = clock.monotonic();
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (tries === triesMax || clock.monotonic() - since >= msMax) throw fault(error);
      await pause(clock, random.fraction() * 10 * 2 ** tries);
    }
  }
}
