import { Pool } from 'undici';

/** What came of a request. `refused` promises that nothing was done, `unknown` promises nothing; `wrong` is what must not happen. */
export type Reply = { readonly startedAt: number; readonly endedAt: number } & Outcome;

type Outcome =
  | { readonly kind: 'ok'; readonly timer: { readonly id: string; readonly dueAt: number } }
  | { readonly kind: 'refused' | 'unknown'; readonly code: string; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'wrong'; readonly why: string };

export interface Ask {
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: object;
  readonly key?: string;
}

/** A client waits no longer for an answer: a process that stands still does not refuse. */
const patienceMs = 4_000;

/** A client of several APIs, which asks the one whose turn it is, and tells what it knows from what it does not. */
export class ApiClient {
  readonly #pools: readonly Pool[];

  constructor(apis: readonly string[]) {
    // Each request over a connection of its own: a process without descriptors keeps those that it has.
    this.#pools = apis.map((api) => new Pool(api, { connections: 64, pipelining: 0 }));
  }

  /** Never throws. */
  async ask(turn: number, { method, path, body, key }: Ask): Promise<Reply> {
    const startedAt = Date.now();
    const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) };
    const request = {
      method,
      path,
      headers,
      body: JSON.stringify(body ?? {}),
      signal: AbortSignal.timeout(patienceMs),
    };
    const outcome = await this.#pools[turn % this.#pools.length]!.request(request)
      .then(async (reply) => outcomeOf(reply.statusCode, reply.headers['retry-after'], await reply.body.text()))
      .catch(brokenConnection);
    return { ...outcome, startedAt, endedAt: Date.now() };
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }
}

/** Where nobody listened nothing was sent. Whatever else goes wrong may have done so after the request was carried out. */
function brokenConnection(error: unknown): Outcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const kind = code === 'ECONNREFUSED' ? 'refused' : 'unknown';
  return { kind, code: kind === 'refused' ? 'nobody listens' : 'connection', retryAfterMs: undefined };
}

function outcomeOf(status: number, retryAfter: unknown, text: string): Outcome {
  if (status === 200 || status === 201) {
    const { id, due_at: dueAt } = JSON.parse(text) as { id: string; due_at: string };
    return { kind: 'ok', timer: { id, dueAt: Date.parse(dueAt) } };
  }
  const { code } = JSON.parse(text) as { code?: string };
  const isKnown = code !== undefined && (status === 409 || (status === 503 && Number(retryAfter) > 0));
  if (!isKnown) return { kind: 'wrong', why: `answered with ${status}, Retry-After ${retryAfter}: ${text}` };
  const retryAfterMs = status === 503 ? Number(retryAfter) * 1_000 : undefined;
  return { kind: code === 'commit_unknown' ? 'unknown' : 'refused', code, retryAfterMs };
}
