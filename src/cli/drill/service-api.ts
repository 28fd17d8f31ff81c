import { Pool } from 'undici';
import { parseInstant } from '../../timer/instant.ts';
import type { SeenState } from './drilled-timer.ts';

/** What came of a create. */
export type CreateAnswer =
  | { readonly kind: 'created'; readonly id: string; readonly dueAt: number }
  /** To be asked again after this time: `why` is the code of a problem, an HTTP status, or `connection`. */
  | { readonly kind: 'again'; readonly why: string; readonly afterMs: number }
  /** What asking again does not change. */
  | { readonly kind: 'refused'; readonly why: string };

export interface NewTimer {
  readonly key: string;
  readonly body: object;
}

/** What the drill reads of `/stats`. */
export interface Stats {
  readonly accepted: number;
  readonly identityHolds: boolean;
  /** Whether databases, of several, did not answer: the numbers are then not about all timers. */
  readonly isPartial: boolean;
}

/** A service that is being killed breaks connections; one that hangs must not hold the drill up. */
const answerMsMax = 10_000;
const connections = 64;
/** Where nobody listens, asking all the time would help nobody. */
const reconnectMs = 200;
const retryAfterMsMax = 5_000;

/** The API of the service that is drilled. Nothing throws: while harm is done, no answer is an answer too. */
export class ServiceApi {
  readonly url: string;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    const { origin, pathname } = new URL(url);
    this.url = url;
    this.#path = pathname.replace(/\/$/, '');
    this.#headers = headers;
    const timeouts = { connectTimeout: answerMsMax, headersTimeout: answerMsMax, bodyTimeout: answerMsMax };
    this.#pool = new Pool(origin, { connections, ...timeouts });
  }

  async create({ key, body }: NewTimer): Promise<CreateAnswer> {
    const answer = await this.#ask('POST', '/timers', { body, headers: { 'idempotency-key': key } });
    if (answer.status === 201) {
      const { id, due_at: dueAt } = answer.json as { id: string; due_at: string };
      return { kind: 'created', id, dueAt: parseInstant(dueAt)! };
    }
    return refusalOf(answer);
  }

  /** Undefined where the service does not say. */
  async read(id: string): Promise<SeenState | undefined> {
    const { status, json } = await this.#ask('GET', `/timers/${id}`);
    if (status !== 200) return undefined;
    const timer = json as { status: string; attempts: { outcome: string; error: string | null }[] };
    const last = timer.attempts.at(-1);
    return { status: timer.status, lastAttempt: last && [last.outcome, last.error].filter(Boolean).join(': ') };
  }

  /** Whether the timer is now known never to be sent. */
  async cancel(id: string): Promise<boolean> {
    return (await this.#ask('POST', `/timers/${id}/cancel`)).status === 200;
  }

  /** In words why not, where it cannot be had. */
  async stats(): Promise<Stats | string> {
    const answer = await this.#ask('GET', '/stats');
    const { accepted, identity_holds: identityHolds, missing_shards: missing } = (answer.json ?? {}) as StatsJson;
    if (answer.status !== 200) return answer.why;
    if (typeof accepted !== 'number') return 'its answer is not that of Punctual';
    return { accepted, identityHolds: identityHolds === true, isPartial: (missing ?? []).length > 0 };
  }

  /** How far the service may be off its store's clock, in milliseconds; undefined where it does not say. */
  async clockDoubtMs(): Promise<number | undefined> {
    const { status, text } = await this.#ask('GET', '/metrics');
    const seconds = Number(/^punctual_clock_doubt_seconds (\S+)$/m.exec(text)?.[1] ?? Number.NaN);
    return status === 200 && Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(method: 'GET' | 'POST', path: string, more: { body?: object; headers?: object } = {}): Promise<Answer> {
    const headers = { ...this.#headers, ...(more.body && { 'content-type': 'application/json' }), ...more.headers };
    const body = more.body && JSON.stringify(more.body);
    try {
      const reply = await this.#pool.request({ method, path: `${this.#path}${path}`, headers, body: body ?? null });
      const text = await reply.body.text();
      const retryAfter = Number(reply.headers['retry-after']);
      const json = parsed(text);
      return {
        status: reply.statusCode,
        text,
        json,
        retryAfter,
        why: `it answered ${reply.statusCode} ${detailOf(json)}`.trim(),
      };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { status: 0, text: '', json: undefined, retryAfter: Number.NaN, why: code };
    }
  }
}

interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  readonly text: string;
  /** Undefined where the text is no JSON. */
  readonly json: unknown;
  /** In seconds; NaN without one. */
  readonly retryAfter: number;
  /** In words, for what was not expected. */
  readonly why: string;
}

interface StatsJson {
  readonly accepted?: number;
  readonly identity_holds?: boolean;
  readonly missing_shards?: readonly number[];
}

/** What a proxy in front of a service that is gone may answer too. */
const passing: ReadonlySet<number> = new Set([0, 429, 500, 502, 503, 504]);

function refusalOf({ status, json, retryAfter, why }: Answer): CreateAnswer {
  if (!passing.has(status)) return { kind: 'refused', why };
  const { code } = (json ?? {}) as { code?: string };
  const afterMs = retryAfter > 0 ? Math.min(retryAfter * 1_000, retryAfterMsMax) : reconnectMs;
  return { kind: 'again', why: status === 0 ? 'connection' : (code ?? String(status)), afterMs };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function detailOf(json: unknown): string {
  const { code, detail } = (json ?? {}) as { code?: string; detail?: string };
  return [code, detail].filter(Boolean).join(': ');
}
