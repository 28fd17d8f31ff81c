import { type Clock, sleep } from '../../clock/clock.ts';
import { type DrilledTimer, hasEnded } from './drilled-timer.ts';
import type { ServiceApi } from './service-api.ts';

export interface EndingParts {
  readonly timers: readonly DrilledTimer[];
  readonly api: ServiceApi;
  readonly clock: Clock;
  /** Since when the outcome of a call may have got lost, by the drill's clock; Infinity where no harm was done. */
  readonly doubtfulFrom: () => number;
}

/** Timers that are asked for in one round, and how many at once. */
const roundMax = 500;
const atOnce = 16;
const lookEveryMs = 200;

/** Finds out what became of the timers: by their calls, and where these are missing or may not be the last, from the service. */
export class Ending {
  readonly #parts: EndingParts;
  #turn = 0;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /**
   * Those that may still be called. One that was received is settled; but of one whose call was about the time of the harm the service may
   * not know that, and send it again when a lease has run out: such a repeat is what the drill is for.
   */
  open(): DrilledTimer[] {
    const doubtfulFrom = this.#parts.doubtfulFrom();
    return this.#parts.timers.filter((timer) => {
      const last = timer.calls.at(-1);
      return !hasEnded(timer) && (last === undefined || last.arrivedAt >= doubtfulFrom);
    });
  }

  /** Asks the service about some of those that are open; the next round asks about the next. */
  async lookUp(signal: AbortSignal): Promise<void> {
    const open = this.open().filter((timer) => idOf(timer) !== undefined);
    const from = this.#turn++ * roundMax;
    const start = open.length === 0 ? 0 : from % (Math.ceil(open.length / roundMax) * roundMax);
    await forEachAtOnce(open.slice(start, start + roundMax), signal, async (timer) => {
      const seen = await this.#parts.api.read(idOf(timer)!);
      if (seen) timer.seen = seen;
    });
  }

  /**
   * Takes back what is still waiting, and waits for what is too late to take back; in about `withinMs` at most. Gives how many the service
   * took back.
   */
  async cancel(withinMs: number): Promise<number> {
    const { api, clock } = this.#parts;
    const late = new AbortController();
    const forget = clock.after(withinMs, () => late.abort());
    let cancelled = 0;
    await forEachAtOnce(this.#unsent(), late.signal, async (timer) => {
      if (!(await api.cancel(timer.accepted!.id))) return;
      timer.seen = { status: 'cancelled', lastAttempt: undefined };
      cancelled += 1;
    });
    while (this.#unsent().length > 0 && !late.signal.aborted) {
      await this.lookUp(late.signal);
      await sleep(clock, lookEveryMs, late.signal);
    }
    forget();
    return cancelled;
  }

  #unsent(): DrilledTimer[] {
    return this.open().filter(({ accepted, calls }) => accepted && calls.length === 0);
  }
}

function idOf({ accepted, calls }: DrilledTimer): string | undefined {
  return accepted?.id ?? calls[0]?.id;
}

async function forEachAtOnce<T>(
  all: readonly T[],
  signal: AbortSignal,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const left = all.values();
  const worker = async () => {
    for (const one of left) {
      if (signal.aborted) return;
      await work(one);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
