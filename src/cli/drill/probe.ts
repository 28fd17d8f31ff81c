import { type Clock, sleep } from '../../clock/clock.ts';
import { CannotDrill } from './cannot-drill.ts';
import type { Creator } from './creator.ts';
import type { DrilledTimer } from './drilled-timer.ts';
import type { ServiceApi } from './service-api.ts';

export interface ProbeParts {
  readonly api: ServiceApi;
  readonly clock: Clock;
  readonly creator: Creator;
  readonly receiverUrl: string;
  readonly stopped: AbortSignal;
}

const acceptedMsMax = 10_000;
/** Longer than a lease, so that a controller that was just killed does not matter. */
const receivedMsMax = 15_000;
const lookEveryMs = 100;

/**
 * One timer before all others: finds out in a second what else would show after minutes as a thousand missed timers, that the service
 * does not reach the receiver. Throws `CannotDrill`, which says what to do.
 */
export async function probe(
  timer: DrilledTimer,
  { api, clock, creator, receiverUrl, stopped }: ProbeParts,
): Promise<void> {
  const late = new AbortController();
  const forget = clock.after(acceptedMsMax, () => late.abort());
  await creator.create(timer, AbortSignal.any([late.signal, stopped]));
  forget();
  if (stopped.aborted) return;
  if (!timer.accepted) throw new CannotDrill(notAccepted(creator));
  const { id } = timer.accepted;
  const deadline = clock.monotonic() + receivedMsMax;
  while (timer.calls.length === 0 && !stopped.aborted) {
    await sleep(clock, lookEveryMs, stopped);
    const seen = await api.read(id);
    if (timer.calls.length > 0) return;
    if (seen?.status === 'failed' || seen?.status === 'done')
      throw new CannotDrill(notReached(seen.lastAttempt, receiverUrl));
    if (clock.monotonic() > deadline) {
      await api.cancel(id);
      throw new CannotDrill(
        `The service took a timer, but made no call within ${receivedMsMax / 1_000} s. Is a controller running (punctual controller, or serve), and does it reach its database? See /readyz.`,
      );
    }
  }
}

function notAccepted({ refused, refusals }: Creator): string {
  if (refused !== undefined) return `The service refused a timer: ${refused}`;
  return `The service takes no timers: ${[...refusals.keys()].join(', ')}. See its /readyz.`;
}

/** What the service says of the attempt, and what helps. */
export function notReached(attempt = 'no attempt', receiverUrl: string): string {
  const outcome = attempt.split(':')[0];
  const told = `The service did not reach the drill's receiver at ${receiverUrl}: ${attempt}.`;
  if (outcome === 'blocked') {
    return `${told}\nIts setting BLOCKED_TARGETS forbids that address. Allow it for the drill, or let the receiver listen where calls may go:\n--listen HOST --receiver-url URL.`;
  }
  if (outcome === 'rejected' || outcome === 'delivered')
    return `${told}\nSomething else answers there: check --receiver-url.`;
  return `${told}\nIf the service runs on another machine or in a container, say how it reaches this one:\n--listen 0.0.0.0 --receiver-url http://THIS-MACHINE:PORT.`;
}
