import { type DueRules, resolveDue, type When } from './due.ts';
import type { Fault } from './errors.ts';
import { newTimerId, type Place } from './id.ts';
import type { Random } from './random.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts';
import type { Delivery, Idempotency, Method, NewTimer, Spec } from './timer.ts';

/** What a client may say about the call, names as on the wire. Its shape has been checked by the API's schema; its sense has not. */
export interface SpecRequest {
  readonly url: string;
  readonly method?: Method;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is; anything else is sent as JSON. */
  readonly body?: unknown;
  readonly delivery?: Delivery;
  readonly retry?: RetryRequest;
  /** `15s`, or `PT15S`. */
  readonly timeout?: string;
  readonly tags?: readonly string[];
  readonly append_id?: boolean;
}

/** The parts of a retry policy that a client may set; durations as text such as `1s`. */
export interface RetryRequest {
  readonly max_attempts?: number;
  readonly initial?: string;
  readonly max?: string;
  readonly factor?: number;
}

export interface TimerRequest extends SpecRequest, When {}

/** What the operator allows and presets; every one is a setting. */
export interface RequestRules extends DueRules {
  readonly urlCharsMax: number;
  readonly headersMax: number;
  /** Names and values together. */
  readonly headerBytesMax: number;
  /** What is sent as the call's body, UTF-8; no limit of its own without. */
  readonly bodyBytesMax?: number;
  readonly tagsMax: number;
  readonly tagCharsMax: number;
  readonly attemptsMax: number;
  readonly timeoutMsDefault: number;
  readonly timeoutMsMax: number;
}

export type Parsed<T> = { readonly value: T } | { readonly faults: readonly Fault[] };

export interface NewTimerContext {
  readonly nowMs: number;
  readonly random: Random;
  readonly rules: RequestRules;
  readonly place: Place;
  readonly tenant: string;
  readonly idempotency: Idempotency | null;
}

/** Turns a create request into a timer, or says everything that is wrong with it. */
export function newTimer(request: TimerRequest, context: NewTimerContext): Parsed<NewTimer> {
  const spec = parseSpec(request, context.rules);
  const due = resolveDue(request, context.nowMs, context.rules);
  const faults = [...('faults' in spec ? spec.faults : []), ...('faults' in due ? due.faults : [])];
  if ('faults' in spec || 'faults' in due) return { faults };
  return {
    value: {
      id: newTimerId(context.nowMs, context.random, context.place),
      tenant: context.tenant,
      spec: spec.value,
      dueAt: due.dueAt,
      idempotency: context.idempotency,
    },
  };
}

/** Checks what is to be sent. `base` is what a PATCH starts from: fields that the request leaves out stay as they are. */
export function parseSpec(
  request: Partial<SpecRequest>,
  rules: RequestRules,
  base: Spec = freshSpec(rules),
): Parsed<Spec> {
  const faults: Fault[] = [];
  const spec: Spec = {
    ...base,
    ...parseContent(request, base, { rules, faults }),
    url: request.url === undefined ? base.url : parseUrl(request.url, rules, faults),
    method: request.method ?? base.method,
    appendId: request.append_id ?? base.appendId,
    delivery: request.delivery ?? base.delivery,
    retry: parseRetry(request.retry, rules, { faults, base: base.retry }),
    timeoutMs: parseTimeout(request.timeout, rules, { faults, base: base.timeoutMs }),
    tags: request.tags ? parseTags(request.tags, rules, faults) : base.tags,
  };
  if (spec.method === 'GET' && spec.body !== null)
    faults.push({ pointer: '/body', detail: 'a GET has no body: leave it out, or choose another method' });
  return faults.length > 0 ? { faults } : { value: spec };
}

function freshSpec(rules: RequestRules): Spec {
  return {
    url: '',
    method: 'POST',
    headers: {},
    body: null,
    appendId: true,
    delivery: 'at-least-once',
    retry: defaultRetryPolicy,
    timeoutMs: rules.timeoutMsDefault,
    tags: [],
  };
}

const textType = 'text/plain; charset=utf-8';
const jsonType = 'application/json';
const typeHeader = 'content-type';

/** Headers and body. A body that has no content type gets the one that fits it. */
function parseContent(
  request: Partial<SpecRequest>,
  base: Spec,
  { rules, faults }: { rules: RequestRules; faults: Fault[] },
): Pick<Spec, 'headers' | 'body'> {
  const given = request.headers ? parseHeaders(request.headers, rules, faults) : undefined;
  const body = request.body === undefined ? base.body : parseBody(request.body, rules, faults);
  if (request.body === undefined && given === undefined) return { headers: base.headers, body };
  const { [typeHeader]: typeBefore, ...othersBefore } = base.headers;
  const headers = given ?? othersBefore;
  if (headers[typeHeader] !== undefined || body === null) return { headers, body };
  const type = request.body === undefined ? typeBefore : typeOfNew(request.body, given ? undefined : typeBefore);
  return { headers: type === undefined ? headers : { ...headers, [typeHeader]: type }, body };
}

/** The content type of a new body: the timer's own where that can be true, or the one that fits. */
function typeOfNew(body: unknown, typeBefore: string | undefined): string {
  const isText = typeof body === 'string';
  const keeps =
    typeBefore !== undefined &&
    (typeBefore !== textType || isText) &&
    (typeBefore !== jsonType || !isText || isJson(body));
  if (keeps) return typeBefore;
  return isText ? textType : jsonType;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseBody(body: unknown, rules: RequestRules, faults: Fault[]): string | null {
  if (body === null) return null;
  const pointer = '/body';
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (!text.isWellFormed())
    faults.push({ pointer, detail: 'has half of a surrogate pair, which is no character and cannot be sent' });
  if (rules.bodyBytesMax !== undefined && Buffer.byteLength(text) > rules.bodyBytesMax)
    faults.push({ pointer, detail: `is larger than ${rules.bodyBytesMax} bytes` });
  return text;
}

function parseUrl(text: string, rules: RequestRules, faults: Fault[]): string {
  const url = URL.parse(text);
  // A fragment is never sent (RFC 9110, section 7.1).
  if (url && text.includes('#')) url.hash = '';
  const detail = urlFault(text, url, rules.urlCharsMax);
  if (detail === undefined) return url!.href;
  faults.push({ pointer: '/url', detail });
  return '';
}

/**
 * The URL standard repairs much in silence: it drops line breaks, turns backslashes round and finds a host behind any number of
 * slashes. What would be called then is not what was written, so that such text is refused.
 */
function urlFault(text: string, url: URL | null, charsMax: number): string | undefined {
  if (text.length > charsMax) return `is longer than ${charsMax} characters`;
  if (!/^https?:\/\/[^/]/i.test(text))
    return 'must be an absolute URL that begins with http:// or https://, such as https://example.com/hook';
  if (/\p{Cc}/u.test(text) || !text.isWellFormed())
    return 'must not contain line breaks, tabs or other control characters, nor half of a surrogate pair';
  if (/^[^?#]*\\/.test(text)) return 'must not contain a backslash before the query: slashes are meant';
  if (!url) return 'is no valid URL: its host or port cannot be read';
  if (url.username || url.password) return 'must not contain a user name or password: put credentials into headers';
  if (url.href.length > charsMax) return `is longer than ${charsMax} characters when percent-encoded`;
  return undefined;
}

/** Headers of the connection (RFC 9110, section 7.6.1) and of the message's framing. */
const reservedHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
]);
/** Headers that Punctual itself sets. */
const ownHeader = /^(accept-encoding$|webhook-|punctual-)/;

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Visible characters, space and tab, and what is beyond ASCII in Latin-1 (RFC 9110, section 5.5).
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

function parseHeaders(
  headers: Readonly<Record<string, string>>,
  rules: RequestRules,
  faults: Fault[],
): Record<string, string> {
  const entries = Object.entries(headers);
  const parsed: Record<string, string> = {};
  if (entries.length > rules.headersMax)
    faults.push({ pointer: '/headers', detail: `has more than ${rules.headersMax} headers` });
  let bytes = 0;
  for (const [name, value] of entries) {
    const key = name.toLowerCase();
    bytes += name.length + value.length;
    const detail = headerFault(key, value, Object.hasOwn(parsed, key));
    if (detail) faults.push({ pointer: `/headers/${pointerToken(name)}`, detail });
    else parsed[key] = value;
  }
  if (bytes > rules.headerBytesMax)
    faults.push({
      pointer: '/headers',
      detail: `is larger than ${rules.headerBytesMax} bytes, names and values together`,
    });
  return parsed;
}

function headerFault(key: string, value: string, repeated: boolean): string | undefined {
  if (!headerName.test(key) || key === '__proto__')
    return "is no valid header name: it may have letters, digits and !#$%&'*+-.^_`|~";
  if (reservedHeaders.has(key)) return 'belongs to the connection and cannot be set';
  if (ownHeader.test(key)) return 'is set by Punctual itself and cannot be set';
  if (repeated) return 'is there twice (header names do not depend on case)';
  if (!headerValue.test(value))
    return 'has a value that a header cannot carry: no line breaks or other control characters, none beyond Latin-1';
  return undefined;
}

/** A reference token of a JSON pointer (RFC 6901, section 3). */
function pointerToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

const shortDuration = /^(\d{1,9})(ms|s|m|h|d)$/;
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads `250ms`, `15s`, `5m`, `1h`, `7d` or an ISO 8601 duration without calendar units, in milliseconds, rounded up; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const short = shortDuration.exec(text);
  if (short) return Number(short[1]) * unitMs[short[2] as keyof typeof unitMs];
  try {
    return text.startsWith('P') ? Math.ceil(Temporal.Duration.from(text).total('milliseconds')) : undefined;
  } catch {
    return undefined;
  }
}

interface Defaults<T> {
  readonly faults: Fault[];
  readonly base: T;
}

function parseTimeout(text: string | undefined, rules: RequestRules, { faults, base }: Defaults<number>): number {
  if (text === undefined) return base;
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1 || ms > rules.timeoutMsMax) {
    faults.push({
      pointer: '/timeout',
      detail: `must be a duration such as 15s, from 1ms to ${rules.timeoutMsMax / 1000}s`,
    });
  }
  return ms ?? base;
}

/** No pause between two attempts is longer than a day. */
const retryPauseMsMax = 24 * 3_600_000;

function parseRetry(
  request: RetryRequest | undefined,
  rules: RequestRules,
  { faults, base }: Defaults<RetryPolicy>,
): RetryPolicy {
  if (!request) return base;
  const pause = (name: 'initial' | 'max', preset: number): number => {
    const text = request[name];
    if (text === undefined) return preset;
    const ms = parseDuration(text);
    if (ms === undefined || ms < 0 || ms > retryPauseMsMax)
      faults.push({ pointer: `/retry/${name}`, detail: 'must be a duration such as 1s, of at most 24h' });
    return ms ?? preset;
  };
  const maxAttempts = request.max_attempts ?? base.maxAttempts;
  if (!(Number.isInteger(maxAttempts) && maxAttempts >= 1 && maxAttempts <= rules.attemptsMax))
    faults.push({ pointer: '/retry/max_attempts', detail: `must be a whole number from 1 to ${rules.attemptsMax}` });
  const factor = request.factor ?? base.factor;
  // Below 1 the pauses would shrink. No limit above: `max` bounds each pause.
  if (!(Number.isFinite(factor) && factor >= 1))
    faults.push({ pointer: '/retry/factor', detail: 'must be a number of at least 1' });
  return {
    maxAttempts,
    initialMs: pause('initial', base.initialMs),
    maxMs: pause('max', base.maxMs),
    factor,
  };
}

function parseTags(tags: readonly string[], rules: RequestRules, faults: Fault[]): readonly string[] {
  if (tags.length > rules.tagsMax) faults.push({ pointer: '/tags', detail: `has more than ${rules.tagsMax} tags` });
  for (const [index, tag] of tags.entries()) {
    const chars = [...tag].length;
    if (chars === 0 || chars > rules.tagCharsMax)
      faults.push({ pointer: `/tags/${index}`, detail: `must have 1 to ${rules.tagCharsMax} characters` });
    else if (/\p{Cc}/u.test(tag) || !tag.isWellFormed())
      faults.push({
        pointer: `/tags/${index}`,
        detail: 'must not contain control characters, nor half of a surrogate pair',
      });
  }
  return [...new Set(tags)];
}
