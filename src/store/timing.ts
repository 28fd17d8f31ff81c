/** As much of a Clock as the store's parts need; store/ does not import clock/. */
export interface Timing {
  /** Milliseconds since some fixed moment. */
  monotonic(): number;
  /** Calls `run` once, no earlier than `delayMs` from now. Returns what takes the call back. */
  after(delayMs: number, run: () => void): () => void;
}

/** Resolves after `delayMs`. */
export function pause(clock: Timing, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
