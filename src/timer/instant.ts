// Instants are integers everywhere: milliseconds since the epoch, UTC. This file turns them into text and back; it never reads a clock.

const minuteMs = 60_000;
/** The minute that was written last, and its text: most instants are in the same one, and a calendar costs more than the rest of a call's headers. */
let lastMinute = Number.NaN;
let lastMinuteText = '';

/** The instant as RFC 3339 text in UTC with milliseconds, such as `2026-11-23T17:30:00.250Z`. */
export function formatInstant(instantMs: number): string {
  const minute = Math.floor(instantMs / minuteMs);
  if (minute !== lastMinute) {
    lastMinuteText = new Date(minute * minuteMs).toISOString().slice(0, -'00.000Z'.length);
    lastMinute = minute;
  }
  const ms = Math.floor(instantMs - minute * minuteMs);
  const seconds = String(100_000 + ms);
  return `${lastMinuteText}${seconds.slice(1, 3)}.${seconds.slice(3)}Z`;
}

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const dayMs = 86_400_000;

/** Reads RFC 3339 text (a date and time with an offset); undefined when it is none. Parts of a millisecond round up: never early. */
export function parseInstant(text: string): number | undefined {
  const [, date, minute, second, fraction, offset] = rfc3339.exec(text) ?? [];
  if (date === undefined) return undefined;
  const leap = second === '60';
  try {
    const wholeMs = Temporal.Instant.from(`${date}T${minute}:${leap ? '59' : second}${offset}`).epochMilliseconds;
    if (!leap) return wholeMs + fractionMs(fraction);
    // The time of computers has no leap seconds: one (RFC 3339, section 5.7) is over, and so not early, at the midnight behind it.
    return (wholeMs + 1000) % dayMs === 0 ? wholeMs + 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** The fraction of a second in `.` and any number of digits, in whole milliseconds, rounded up; 0 without one. */
export function fractionMs(fraction = ''): number {
  const digits = fraction.slice(1);
  return Number(digits.slice(0, 3).padEnd(3, '0')) + (/[1-9]/.test(digits.slice(3)) ? 1 : 0);
}

/** Whole seconds from `nowMs` to `dueAt`, rounded up, never negative. */
export function secondsLeft(dueAt: number, nowMs: number): number {
  return Math.max(0, Math.ceil((dueAt - nowMs) / 1000));
}
