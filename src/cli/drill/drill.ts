import { randomBytes } from 'node:crypto';
import { type Clock, sleep } from '../../clock/clock.ts';
import { CannotDrill } from './cannot-drill.ts';
import { ClockComparison } from './clock-comparison.ts';
import { Creator } from './creator.ts';
import type { DrilledTimer } from './drilled-timer.ts';
import { Ending } from './ending.ts';
import { doHarm, type HarmDone } from './harm.ts';
import type { DrillOptions } from './options.ts';
import { type PlannedTimer, planOf } from './plan.ts';
import { probe } from './probe.ts';
import { type Progress, progressOn } from './progress.ts';
import { DrillReceiver, targetOf } from './receiver.ts';
import { harmText, type Outcome } from './report.ts';
import { ServiceApi, type Stats } from './service-api.ts';
import { judge, settledMsMax } from './verdict.ts';

export interface DrillParts {
  readonly clock: Clock;
  /** Where progress is shown. */
  readonly stream: NodeJS.WriteStream;
  /** Aborted by a person who wants no more of it. */
  readonly stopped: AbortSignal;
}

const lookEveryMs = 200;
/** How long the service may take to answer for the last time, and to take back timers. */
const lastWordMsMax = 5_000;
/** What the service is taken to be off its store's clock where it does not say: above it, it warns. */
const storeDoubtMsUnknown = 50;
const storeDoubtMsMin = 1;

/** Holds a drill. Throws `CannotDrill` when it could not be held. */
export async function drill(options: DrillOptions, parts: DrillParts): Promise<Outcome> {
  await using leaving = new AsyncDisposableStack();
  const runId = randomBytes(4).toString('hex');
  const api = leaving.adopt(new ServiceApi(options.url, options.headers), (one) => one.close());
  const before = await api.stats();
  if (typeof before === 'string') throw new CannotDrill(notReachable(options.url, before));
  const timers = planOf(options).map(drilled);
  const probed = drilled({ number: timers.length, createAfterMs: 0, delayMs: 0, delivery: 'at-least-once' });
  const timerOf = (number: number) => (number === timers.length ? probed : timers[number]);
  const receiver = leaving.adopt(
    await DrillReceiver.start(options.listen, { clock: parts.clock, runId, timerOf }),
    (one) => one.close(),
  );
  const run = new Run({
    ...parts,
    options,
    api,
    before,
    timers,
    runId,
    receiverUrl: options.receiverUrl ?? receiver.url,
  });
  return await run.hold(probed);
}

function drilled(plan: PlannedTimer): DrilledTimer {
  return { plan, calls: [] };
}

function notReachable(url: string, why: string): string {
  return `No service to drill at ${url}: ${why}. Is it running? Say where with --url.`;
}

interface RunParts extends DrillParts {
  readonly options: DrillOptions;
  readonly api: ServiceApi;
  readonly before: Stats;
  readonly timers: readonly DrilledTimer[];
  readonly runId: string;
  readonly receiverUrl: string;
}

/** One drill, from the first timer to the last word. */
class Run {
  readonly #parts: RunParts;
  readonly #tag: string;
  readonly #comparison = new ClockComparison();
  readonly #creator: Creator;
  readonly #ending: Ending;
  /** Ends what is still tried when patience has run out, or a person has stopped the drill. */
  readonly #over = new AbortController();
  readonly #ended: AbortSignal;
  #harm: HarmDone | undefined;
  /** Whether creates or harm are still under way. */
  #acting = true;

  constructor(parts: RunParts) {
    const { api, clock, timers, runId, stopped } = parts;
    this.#parts = parts;
    this.#tag = `drill-${runId}`;
    this.#creator = new Creator({
      api,
      clock,
      comparison: this.#comparison,
      requestOf: (timer) => this.#requestOf(timer),
    });
    const doubtfulFrom = () => (this.#harm?.from ?? Number.POSITIVE_INFINITY) - settledMsMax;
    this.#ending = new Ending({ timers, api, clock, doubtfulFrom });
    this.#ended = AbortSignal.any([this.#over.signal, stopped]);
  }

  async hold(probed: DrilledTimer): Promise<Outcome> {
    const { api, clock, receiverUrl, stopped, stream, options, timers } = this.#parts;
    await probe(probed, { api, clock, creator: this.#creator, receiverUrl, stopped });
    const doubtBefore = await api.clockDoubtMs();
    const progress = progressOn(stream, options.timers, clock);
    progress.tell(`Drill ${this.#tag}: the service calls ${receiverUrl}`);
    this.#creator.created = 0;
    try {
      const acting = Promise.all([this.#creator.createAll(timers, this.#ended), this.#doHarm(progress)]).finally(() => {
        this.#acting = false;
      });
      await Promise.all([acting, this.#untilEnded(progress)]);
    } finally {
      this.#over.abort();
      progress.stop();
    }
    return await this.#outcome(doubtBefore);
  }

  #requestOf({ plan: { number, delayMs, delivery } }: DrilledTimer) {
    const { receiverUrl, runId, timers } = this.#parts;
    const url = targetOf(receiverUrl, runId, number);
    const isProbe = number === timers.length;
    const retry = isProbe ? { retry: { max_attempts: 1 } } : {};
    return {
      key: `${this.#tag}-${number}`,
      body: { delay: `${delayMs}ms`, url, delivery, tags: [this.#tag], ...retry },
    };
  }

  async #doHarm(progress: Progress): Promise<void> {
    const { options, clock } = this.#parts;
    if (options.kill.length === 0 && options.command === undefined) return;
    await sleep(clock, options.harmAfter * 1_000, this.#ended);
    if (this.#ended.aborted) return;
    this.#harm = await doHarm(options, clock, this.#ended);
    progress.tell(`After ${options.harmAfter} s: ${harmText(this.#harm)}`);
  }

  /** Until every timer has been received or has ended otherwise, or patience has run out. */
  async #untilEnded(progress: Progress): Promise<void> {
    const { clock, options } = this.#parts;
    const plannedEnd = clock.now() + options.seconds * 1_000;
    const signal = this.#ended;
    while (!signal.aborted) {
      const lastAt = Math.max(plannedEnd, this.#creator.lastDueAt, this.#harm?.until ?? 0);
      const leftMs = lastAt + options.patience * 1_000 - clock.now();
      const isPast = clock.now() > lastAt;
      this.#show(progress, isPast ? `at most ${Math.ceil(leftMs / 1_000)} s more` : '');
      if (leftMs <= 0) this.#over.abort();
      if (!this.#acting) await this.#ending.lookUp(signal);
      if (!this.#acting && this.#ending.open().length === 0) return;
      await sleep(clock, lookEveryMs, signal);
    }
  }

  #show(progress: Progress, note: string): void {
    const received = this.#parts.timers.filter(({ calls }) => calls.length > 0).length;
    progress.update({ created: this.#creator.created, received, note });
  }

  async #outcome(doubtBefore: number | undefined): Promise<Outcome> {
    const { options, stopped, timers, before, api } = this.#parts;
    const cancelled = stopped.aborted ? await this.#ending.cancel(lastWordMsMax) : 0;
    const after = await this.#lastStats();
    const doubts = [doubtBefore, await api.clockDoubtMs()].map((ms) => ms ?? storeDoubtMsUnknown);
    const storeDoubtMs = Math.max(storeDoubtMsMin, ...doubts);
    const offset = this.#comparison.offset();
    const verdict = judge({
      timers,
      othersAccepted: 1,
      offset,
      storeDoubtMs,
      harmFrom: this.#harm?.from,
      before,
      after,
    });
    return {
      options,
      tag: this.#tag,
      verdict,
      stopped: stopped.aborted ? { cancelled } : undefined,
      offset,
      storeDoubtMs,
      harm: this.#harm,
      refusals: this.#creator.refusals,
    };
  }

  /** A service that is just coming back gets a moment. */
  async #lastStats(): Promise<Stats | string> {
    const { api, clock } = this.#parts;
    const deadline = clock.monotonic() + lastWordMsMax;
    for (;;) {
      const stats = await api.stats();
      if (typeof stats !== 'string' || clock.monotonic() > deadline) return stats;
      await sleep(clock, lookEveryMs);
    }
  }
}
