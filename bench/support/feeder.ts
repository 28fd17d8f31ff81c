import { setTimeout as delay } from 'node:timers/promises';
import { createTimers } from '../../test/support/create-timers.ts';
import type { CountingReceiver } from './counting-receiver.ts';

export interface FeederOptions {
  readonly api: string;
  readonly receiver: CountingReceiver;
  readonly timers: number;
  /** No more are created while so many have been created and not yet called. */
  readonly backlogMax: number;
}

const perRequest = 1_000;
const requestsAtOnce = 2;
const dueInSeconds = 1;

/** Creates timers in batches as fast as they are called, numbered from 0. Rejects when one is refused. */
export async function feed({ api, receiver, timers, backlogMax }: FeederOptions): Promise<void> {
  let next = 0;
  const create = async () => {
    while (next < timers) {
      if (next - receiver.calls > backlogMax) {
        await delay(10);
        continue;
      }
      const from = next;
      next = Math.min(timers, from + perRequest);
      const batch = Array.from({ length: next - from }, (_, at) => ({
        seconds: dueInSeconds,
        url: receiver.url(from + at),
      }));
      await createTimers(api, batch);
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, create));
}
