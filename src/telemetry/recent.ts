import { createHistogram } from 'node:perf_hooks';
import type { Lateness, Measures, Rates } from '../api/deps.ts';
import type { Clock } from '../clock/clock.ts';

const windowMs = 60_000;
/** The histogram counts integers: hundredths of a millisecond. */
const unitsPerMs = 100;

type Window = ReturnType<typeof emptyWindow>;

function emptyWindow(startedAt: number) {
  return { startedAt, created: 0, attempts: 0, lateness: createHistogram() };
}

/** What happened lately, kept in two windows of a minute: the one that fills, and the one before it. */
export class Recent implements Measures {
  readonly #clock: Clock;
  #current: Window;
  #previous: Window | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#current = emptyWindow(clock.monotonic());
  }

  created(count: number): void {
    this.#window().created += count;
  }

  attempted(latenessMs: number | null): void {
    const window = this.#window();
    window.attempts += 1;
    // The histogram holds nothing below 1.
    if (latenessMs !== null) window.lateness.record(Math.max(1, Math.round(latenessMs * unitsPerMs)));
  }

  lateness(): Lateness {
    const all = createHistogram();
    for (const window of this.#windows()) all.add(window.lateness);
    const count = Number(all.count);
    if (count === 0) return { count, p50: null, p90: null, p99: null, max: null };
    const percentile = (percent: number) => all.percentile(percent) / unitsPerMs;
    return { count, p50: percentile(50), p90: percentile(90), p99: percentile(99), max: all.max / unitsPerMs };
  }

  rates(): Rates {
    const windows = this.#windows();
    const seconds = Math.max(1, (this.#clock.monotonic() - windows[0]!.startedAt) / 1000);
    const perSecond = (counts: number[]) =>
      Math.round((100 * counts.reduce((sum, count) => sum + count, 0)) / seconds) / 100;
    return {
      created: perSecond(windows.map((window) => window.created)),
      fired: perSecond(windows.map((window) => window.attempts)),
    };
  }

  /** Oldest first. */
  #windows(): Window[] {
    const current = this.#window();
    return this.#previous ? [this.#previous, current] : [current];
  }

  #window(): Window {
    const now = this.#clock.monotonic();
    const age = now - this.#current.startedAt;
    if (age >= windowMs) {
      this.#previous = age < 2 * windowMs ? this.#current : undefined;
      this.#current = emptyWindow(now);
    }
    return this.#current;
  }
}
