import type { Fault } from './errors.ts';
import { fractionMs, parseInstant } from './instant.ts';

/** The ways of saying when; exactly one of them is used. Names as on the wire. */
export interface When {
  /** With `minutes` and `seconds`: whole numbers, 0 or more, added up. */
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  /** An ISO 8601 duration (`PT1H30M`, `P1M`) or a short form (`90s`, `1h30m`, `250ms`). */
  readonly delay?: string;
  /** RFC 3339, with an offset. */
  readonly at?: string;
  /** A local date and time without an offset, together with `timezone`. */
  readonly local?: string;
  /** An IANA zone, such as `Europe/Berlin`. */
  readonly timezone?: string;
}

export interface DueRules {
  /** The furthest that a timer may lie ahead, in milliseconds. */
  readonly delayMsMax: number;
  /** An instant that lies no further back than this fires at once; an older one is refused, in milliseconds. */
  readonly pastMsMax: number;
}

export type Due = { readonly dueAt: number } | { readonly faults: readonly Fault[] };

/** Turns one way of saying when into an instant (integer milliseconds, rounded up). `nowMs` is the store's time. */
export function resolveDue(when: When, nowMs: number, rules: DueRules): Due {
  const ways = waysUsed(when);
  if (ways.length === 0) {
    return fault('', 'say when: one of hours/minutes/seconds, delay, at, or local with timezone');
  }
  if (ways.length > 1) {
    return {
      faults: ways
        .slice(1)
        .map((way) => ({ pointer: `/${way}`, detail: `says when a second time, beside ${ways[0]}: give only one` })),
    };
  }
  if (when.delay !== undefined) return fromDelay(when.delay, nowMs, rules);
  if (when.at !== undefined) return fromAt(when.at, nowMs, rules);
  if (when.local !== undefined || when.timezone !== undefined) return fromLocal(when, nowMs, rules);
  return fromUnits(when, nowMs, rules);
}

const unitMs = { hours: 3_600_000, minutes: 60_000, seconds: 1_000 } as const;
const units = ['hours', 'minutes', 'seconds'] as const;

function fromUnits(when: When, nowMs: number, rules: DueRules): Due {
  const faults: Fault[] = [];
  let delayMs = 0;
  // If it is too long, the longest part is to blame.
  let longest: { readonly name: string; readonly ms: number } | undefined;
  for (const name of units) {
    const count = when[name];
    if (count === undefined) continue;
    // Written so that NaN is refused as well.
    if (!(Number.isInteger(count) && count >= 0))
      faults.push({ pointer: `/${name}`, detail: 'must be a whole number, 0 or more' });
    const ms = count * unitMs[name];
    delayMs += ms;
    if (longest === undefined || ms > longest.ms) longest = { name, ms };
  }
  if (faults.length > 0) return { faults };
  return within(nowMs + delayMs, nowMs, { pointer: `/${longest?.name}`, rules });
}

function waysUsed(when: When): string[] {
  const ways = [];
  const unit = units.find((name) => when[name] !== undefined);
  if (unit) ways.push(unit);
  if (when.delay !== undefined) ways.push('delay');
  if (when.at !== undefined) ways.push('at');
  if (when.local !== undefined) ways.push('local');
  else if (when.timezone !== undefined) ways.push('timezone');
  return ways;
}

const shortDelay = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

function fromDelay(delay: string, nowMs: number, rules: DueRules): Due {
  const pointer = '/delay';
  const short = shortDelay.exec(delay);
  if (short) {
    const [days, hours, minutes, seconds, ms] = short.slice(1).map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return within(nowMs + (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + ms, nowMs, { pointer, rules });
  }
  if (!delay.startsWith('P')) {
    return fault(
      pointer,
      'must be an ISO 8601 duration such as PT1H30M, or a short form such as 90s or 1h30m, and not negative',
    );
  }
  try {
    // Years, months and days are counted on the UTC calendar from now.
    const from = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowMs)).toZonedDateTimeISO('UTC');
    const to = from.add(Temporal.Duration.from(delay), { overflow: 'constrain' });
    // Whole milliseconds before it becomes a number, which could not hold the nanoseconds of years.
    const delayMs = Number((to.epochNanoseconds - from.epochNanoseconds + 999_999n) / 1_000_000n);
    return within(nowMs + delayMs, nowMs, { pointer, rules });
  } catch {
    return fault(pointer, 'is no ISO 8601 duration such as PT1H30M or P1M, or too long a one; it cannot be negative');
  }
}

function fromAt(at: string, nowMs: number, rules: DueRules): Due {
  const instant = parseInstant(at);
  if (instant === undefined)
    return fault('/at', 'must be an RFC 3339 date and time with an offset, such as 2026-12-24T18:00:00Z');
  return within(instant, nowMs, { pointer: '/at', rules });
}

function fromLocal(when: When, nowMs: number, rules: DueRules): Due {
  if (when.local === undefined) return fault('/local', 'is missing: timezone needs a local date and time beside it');
  if (when.timezone === undefined)
    return fault('/timezone', 'is missing: local needs an IANA time zone such as Europe/Berlin beside it');
  const local = parseLocal(when.local);
  if (!local) return fault('/local', 'must be a date and time without an offset, such as 2026-12-24T18:00');
  if (!isTimeZone(when.timezone)) return fault('/timezone', 'is no IANA time zone that this server knows');
  // A time that the clock skips moves forward by the gap; of a time that it shows twice, the earlier is meant.
  const dueAt = local.whole.toZonedDateTime(when.timezone, { disambiguation: 'compatible' }).epochMilliseconds;
  return within(dueAt + local.fractionMs, nowMs, { pointer: '/local', rules });
}

// No 60th second: whether a local minute has one cannot be said.
const localTime = /^(\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(?:(:[0-5]\d)(\.\d+)?)?$/;

function parseLocal(text: string): { whole: Temporal.PlainDateTime; fractionMs: number } | undefined {
  const [, minute, second = '', fraction] = localTime.exec(text) ?? [];
  if (minute === undefined) return undefined;
  try {
    return { whole: Temporal.PlainDateTime.from(minute + second), fractionMs: fractionMs(fraction) };
  } catch {
    return undefined;
  }
}

function isTimeZone(name: string): boolean {
  // Fixed offsets such as +02:00 are no zones: `at` says those.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function within(dueAt: number, nowMs: number, context: { pointer: string; rules: DueRules }): Due {
  const { pointer, rules } = context;
  if (dueAt < nowMs - rules.pastMsMax)
    return fault(pointer, `lies in the past, by more than ${rules.pastMsMax / 1000} s`);
  if (dueAt > nowMs + rules.delayMsMax) {
    return fault(pointer, `lies too far ahead: at most ${Math.floor(rules.delayMsMax / 86_400_000)} days are allowed`);
  }
  return { dueAt: Math.ceil(dueAt) };
}

function fault(pointer: string, detail: string): Due {
  return { faults: [{ pointer, detail }] };
}
