// Instants are integers everywhere: milliseconds since the epoch, UTC. This file turns them into text and back; it never reads a clock.

/** The instant as RFC 3339 text in UTC with milliseconds, such as `2026-11-23T17:30:00.250Z`. */
export function formatInstant(instantMs: number): string {
  return new Date(instantMs).toISOString();
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Reads RFC 3339 text (a date and time with an offset); undefined when it is none. Parts of a millisecond round up: never early. */
export function parseInstant(text: string): number | undefined {
  if (!rfc3339.test(text)) return undefined;
  try {
    const nanoseconds = Temporal.Instant.from(text).epochNanoseconds;
    return Number((nanoseconds + 999_999n) / 1_000_000n);
  } catch {
    return undefined;
  }
}

/** Whole seconds from `nowMs` to `dueAt`, rounded up, never negative. */
export function secondsLeft(dueAt: number, nowMs: number): number {
  return Math.max(0, Math.ceil((dueAt - nowMs) / 1000));
}
