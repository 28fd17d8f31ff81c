import { sleep } from './clock.ts';
import type { SystemClock } from './system-clock.ts';

export interface SynchroniserOptions {
  readonly clock: SystemClock;
  readonly storeTime: () => Promise<number>;
  /** Told when the doubt rises above `warnAboveMs`, and when it has fallen below it again. */
  readonly onDoubt: (doubtMs: number) => void;
}

/** How often the offset to the store is measured, in milliseconds; and how often while the last measurement is of no use. */
const everyMs = 1_000;
const everyMsInDoubt = 500;
/** Above this doubt a person is told, in milliseconds. */
const warnAboveMs = 50;

/** Keeps a clock at the store's time until it is stopped. */
export class Synchroniser {
  readonly #options: SynchroniserOptions;
  readonly #stopped = new AbortController();
  #doubtful = false;

  constructor(options: SynchroniserOptions) {
    this.#options = options;
  }

  /** Measures once, then goes on in the background. A failure lets the doubt stand. */
  async start(): Promise<void> {
    const { clock, storeTime } = this.#options;
    await clock.synchronise(storeTime).catch(() => undefined);
    void this.#loop();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #loop(): Promise<void> {
    const { clock, storeTime } = this.#options;
    let sinceMs = 0;
    while (!this.#stopped.signal.aborted) {
      await sleep(clock, everyMsInDoubt, this.#stopped.signal);
      sinceMs += everyMsInDoubt;
      if (sinceMs < everyMs && clock.doubtMs() < warnAboveMs) continue;
      sinceMs = 0;
      await clock.synchronise(storeTime).catch(() => undefined);
      this.#tell(clock.doubtMs());
    }
  }

  #tell(doubtMs: number): void {
    const doubtful = doubtMs > warnAboveMs;
    if (doubtful !== this.#doubtful) this.#options.onDoubt(doubtMs);
    this.#doubtful = doubtful;
  }
}
