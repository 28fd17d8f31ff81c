import type { Clock } from '../../src/clock/clock.ts';

interface Alarm {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it; `now` and `monotonic` move together unless a test sets them apart. */
export class FakeClock implements Clock {
  #monotonic = 1_000;
  #offset: number;
  #doubtMs = 0;
  #alarms: Alarm[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#offset = startMs - this.#monotonic;
  }

  now(): number {
    return this.#monotonic + this.#offset;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  doubtMs(): number {
    return this.#doubtMs;
  }

  /** What `doubtMs` says from now on. */
  setDoubt(doubtMs: number): void {
    this.#doubtMs = doubtMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const alarm = { at: this.#monotonic + Math.max(0, delayMs), run };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  /** Moves time by `ms`, rings what falls due on the way in order of time, and lets promises run after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settlePromises();
    for (let next = this.#nextAlarm(end); next; next = this.#nextAlarm(end)) {
      this.#monotonic = Math.max(this.#monotonic, next.at);
      this.#alarms = this.#alarms.filter((other) => other !== next);
      next.run();
      await settlePromises();
    }
    this.#monotonic = end;
    await settlePromises();
  }

  /** Moves time without ringing anything, as for a process that is paused: alarms ring at the next `advance`. */
  jump(ms: number): void {
    this.#monotonic += ms;
  }

  /** The store's time goes on, or is set, while this machine's steady clock stands still: as when it is suspended. */
  shift(ms: number): void {
    this.#offset += ms;
  }

  #nextAlarm(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.at <= end && (!first || alarm.at < first.at)) first = alarm;
    }
    return first;
  }
}

/** Lets every promise that can make progress without time or I/O do so. */
export async function settlePromises(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}
