import { MultiBar, type SingleBar } from 'cli-progress';
import type { Clock } from '../../clock/clock.ts';

/** How far a drill is. */
export interface Standing {
  readonly created: number;
  readonly received: number;
  /** What is waited for, in a few words. */
  readonly note: string;
}

/** Shows how far a drill is while it runs. */
export interface Progress {
  update(standing: Standing): void;
  /** Says something that happened. */
  tell(line: string): void;
  stop(): void;
}

/** A bar on a terminal, a line now and then elsewhere. */
export function progressOn(stream: NodeJS.WriteStream, timers: number, clock: Clock): Progress {
  return stream.isTTY ? new Bar(stream, timers) : new Lines(stream, timers, clock);
}

class Bar implements Progress {
  readonly #bars: MultiBar;
  readonly #bar: SingleBar;

  constructor(stream: NodeJS.WriteStream, timers: number) {
    this.#bars = new MultiBar({
      stream,
      format: ' {bar} {value}/{total} received, {created} created{note}',
      barsize: 20,
      barCompleteChar: '▇',
      barIncompleteChar: '·',
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar = this.#bars.create(timers, 0, { created: 0, note: '' });
  }

  update({ created, received, note }: Standing): void {
    this.#bar.update(received, { created, note: note && `; ${note}` });
  }

  tell(line: string): void {
    this.#bars.log(`${line}\n`);
  }

  stop(): void {
    // What was told last is still in the bars' buffer.
    this.#bars.update();
    this.#bars.stop();
  }
}

const lineEveryMs = 10_000;

class Lines implements Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #timers: number;
  readonly #clock: Clock;
  #saidAt: number;

  constructor(stream: NodeJS.WriteStream, timers: number, clock: Clock) {
    this.#stream = stream;
    this.#timers = timers;
    this.#clock = clock;
    this.#saidAt = clock.monotonic();
  }

  update({ created, received, note }: Standing): void {
    if (this.#clock.monotonic() - this.#saidAt < lineEveryMs) return;
    this.#saidAt = this.#clock.monotonic();
    this.tell(`${received} of ${this.#timers} received, ${created} created${note && `; ${note}`}`);
  }

  tell(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {}
}
