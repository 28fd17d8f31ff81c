import { Pool } from 'undici';

/** What came of a create. `tookMs` is how long the client waited for it. */
export type Answer = { readonly tookMs: number } & (
  | { readonly kind: 'created'; readonly id: string; readonly dueAt: number }
  /** A 503, or a connection that was refused or broke (`connection`): to be asked again after this time, of another API. */
  | { readonly kind: 'refused'; readonly code: string; readonly retryAfterMs: number }
  /** What must not happen. */
  | { readonly kind: 'wrong'; readonly why: string }
);

export interface Create {
  readonly body: string;
  readonly key?: string;
}

/** Beyond this the client gives up waiting, as a connection that broke. */
const answerMsMax = 60_000;
/** Where nobody listens, the next API is asked at once; where nobody listens anywhere, not all the time. */
const reconnectMs = 20;

/** A client such as a user may write: it goes round the APIs, and keeps its connections. */
export class CreateClient {
  readonly #pools: readonly Pool[];

  constructor(apis: readonly string[]) {
    const options = { connections: 64, headersTimeout: answerMsMax, bodyTimeout: answerMsMax };
    this.#pools = apis.map((api) => new Pool(api, options));
  }

  /** Asks the API whose turn it is. Never throws. */
  async create(turn: number, { body, key }: Create): Promise<Answer> {
    const startedAt = performance.now();
    const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) };
    try {
      const pool = this.#pools[turn % this.#pools.length]!;
      const reply = await pool.request({ path: '/timers', method: 'POST', headers, body });
      const text = await reply.body.text();
      return { ...answerOf(reply.statusCode, reply.headers, text), tookMs: performance.now() - startedAt };
    } catch {
      return {
        kind: 'refused',
        code: 'connection',
        retryAfterMs: reconnectMs,
        tookMs: performance.now() - startedAt,
      };
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;
type Untimed<T> = T extends unknown ? Omit<T, 'tookMs'> : never;

function answerOf(status: number, headers: Headers, text: string): Untimed<Answer> {
  if (status === 201) {
    const { id, due_at: dueAt } = JSON.parse(text) as { id: string; due_at: string };
    return { kind: 'created', id, dueAt: Date.parse(dueAt) };
  }
  if (status !== 503) return { kind: 'wrong', why: `a create was answered with ${status}: ${text}` };
  return refusalOf(headers, text);
}

/** A 503 says in its code what it means, and when to come again. */
function refusalOf(headers: Headers, text: string): Untimed<Answer> {
  const retryAfter = Number(headers['retry-after']);
  const isProblem = String(headers['content-type']).startsWith('application/problem+json');
  const { code } = (isProblem ? JSON.parse(text) : {}) as { code?: string };
  if (!code || !(retryAfter > 0)) {
    return { kind: 'wrong', why: `a 503 without a code or Retry-After: ${JSON.stringify(headers)} ${text}` };
  }
  return { kind: 'refused', code, retryAfterMs: retryAfter * 1_000 * (1 + Math.random() / 2) };
}
