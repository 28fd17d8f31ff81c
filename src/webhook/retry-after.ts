import { parseInstant } from '../timer/instant.ts';

const seconds = /^\d{1,9}$/;
// `Sun, 06 Nov 1994 08:49:37 GMT`: the one form that may still be generated (RFC 9110, section 5.6.7).
const httpDate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** How long from `nowMs` a Retry-After header (RFC 9110, section 10.2.3) asks to wait, in milliseconds, at least 0; undefined for nonsense. */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (seconds.test(text)) return Number(text) * 1000;
  const [, day, monthName, year, time] = httpDate.exec(text) ?? [];
  if (monthName === undefined) return undefined;
  const month = String(months.indexOf(monthName) + 1).padStart(2, '0');
  const at = parseInstant(`${year}-${month}-${day}T${time}Z`);
  return at === undefined ? undefined : Math.max(0, at - nowMs);
}
