import { setTimeout as sleep } from 'node:timers/promises';

const readyMsMax = 60_000;
const pollMs = 25;

/** What an attempt throws when no further one can succeed. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

/** Calls `attempt` until it succeeds, for a minute at most; then rejects with its last error. */
export async function untilReady(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (error instanceof Hopeless || performance.now() > deadline) throw error;
    }
    await sleep(pollMs);
  }
}
