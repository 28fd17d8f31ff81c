import type { Timing } from '../../src/store/timing.ts';

interface Event {
  readonly at: number;
  /** Of two events at the same time, the one that was scheduled first comes first. */
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * The simulated world's only clock, and everything that is going to happen in it, in order of time. Between two events every promise
 * runs as far as it gets, so that a run depends on nothing but what was scheduled.
 */
export class Scheduler implements Timing {
  readonly #events: Event[] = [];
  #now = 0;
  #scheduled = 0;
  /** How many events there were. */
  happened = 0;

  /** Milliseconds since the world began; nobody in it can read this one. */
  get now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#scheduled++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Lets the world go on until then, or until `done` says so. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    await turn();
    for (let next = this.#events[0]; next && next.at <= until && !done(); next = this.#events[0]) {
      this.#pop();
      if (!next.run) continue;
      this.#now = next.at;
      this.happened++;
      next.run();
      await turn();
    }
    if (!done()) this.#now = Math.max(this.#now, until);
  }

  // A binary heap: there are thousands of events in a run, and thousands of runs.

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Lets all promises run that need neither time nor I/O, and what they put off with setImmediate. */
function turn(): Promise<void> {
  // What is put off in this turn may be put off behind the first one.
  return new Promise((resolve) => void setImmediate(() => void setImmediate(resolve)));
}
