/**
 * Time, as everything but this room knows it. `now` is the store's time and never steps back; `monotonic` measures spans and goes on
 * whatever happens to the wall clock.
 */
export interface Clock {
  /** The store's time as this process knows it: milliseconds since the epoch, with fractions. Once `doubtMs` is finite, it never steps back. */
  now(): number;
  /** Milliseconds since some fixed moment, with fractions. */
  monotonic(): number;
  /** How far `now` may be off the store's clock, in milliseconds; Infinity before the first measurement. */
  doubtMs(): number;
  /** Calls `run` once, no earlier than `delayMs` from now. Returns what takes the call back. */
  after(delayMs: number, run: () => void): () => void;
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stop();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const stop = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
