import assert from 'node:assert/strict';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import type { ApiDeps } from '../../src/api/deps.ts';
import type { ApiApp } from '../../src/api/http.ts';
import { buildServer } from '../../src/api/server.ts';
import type { Store } from '../../src/store/store.ts';
import { wrapStore } from '../../src/store/wrap.ts';
import type { RequestRules } from '../../src/timer/request.ts';
import { storeUnderTest } from '../support/engine-under-test.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { DocumentedAnswers } from './documented-answers.ts';

export const testRules: RequestRules = {
  delayMsMax: 10 * 366 * 86_400_000,
  pastMsMax: 60_000,
  urlCharsMax: 2_048,
  headersMax: 50,
  headerBytesMax: 8_192,
  tagsMax: 20,
  tagCharsMax: 64,
  attemptsMax: 50,
  timeoutMsDefault: 15_000,
  timeoutMsMax: 60_000,
};

export const receiver = 'http://127.0.0.1:9/hook';
/** An id of the right form that names no timer. */
export const strangeId = '019ab1c2-6f00-7000-8000-3f1d2c4b5a69';

/** A line of the log, as pino wrote it. */
export type LogLine = Record<string, unknown> & { readonly msg: string; readonly level: number };

/**
 * The whole API over a store (in memory, unless TEST_ENGINE says otherwise) and a clock that stands still. Every answer to `call` is checked against what /openapi.json says
 * about it.
 */
export class Harness {
  readonly clock = new FakeClock();
  store!: Store;
  readonly woken: number[] = [];
  readonly log: LogLine[] = [];
  created = 0;
  refused = 0;
  readiness: { ready: boolean; reasons: string[] } = { ready: true, reasons: [] };
  app!: ApiApp;
  #documented!: DocumentedAnswers;

  static async start(change: Partial<ApiDeps> = {}): Promise<Harness> {
    const harness = new Harness();
    harness.store = await storeUnderTest(harness.clock);
    harness.app = await buildServer({ ...harness.#deps(), ...change });
    harness.#documented = new DocumentedAnswers((await harness.app.inject('/openapi.json')).json());
    return harness;
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.store.close();
  }

  #deps(): ApiDeps {
    return {
      store: this.store,
      clock: this.clock,
      random: seededRandom(7),
      rules: testRules,
      wake: (_id, at) => this.woken.push(at),
      logger: pino({ level: 'debug' }, { write: (line) => this.log.push(JSON.parse(line)) }),
      observe: {
        created: (count) => {
          this.created += count;
        },
        refused: () => {
          this.refused += 1;
        },
      },
      health: { ready: () => this.readiness },
      metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: async () => 'punctual_up 1\n' },
      limits: { bodyBytes: 256 * 1024, batchBytes: 1024 * 1024, batchMax: 1_000, connections: 1_000 },
      hosts: [],
      echo: true,
      version: '0.0.0',
    };
  }

  async call(options: InjectOptions): Promise<LightMyRequestResponse> {
    const answer = await this.app.inject(options);
    const fault = this.#documented.faultOf({
      method: options.method ?? 'GET',
      url: String(options.url),
      status: answer.statusCode,
      contentType: String(answer.headers['content-type']),
      body: answer.body,
    });
    assert.equal(fault, undefined, `${options.method} ${options.url}: ${answer.body}`);
    return answer;
  }

  get(url: string): Promise<LightMyRequestResponse> {
    return this.call({ method: 'GET', url });
  }

  post(url: string, payload?: object, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return this.call({ method: 'POST', url, headers, ...(payload ? { payload } : {}) });
  }

  patch(url: string, payload: object): Promise<LightMyRequestResponse> {
    return this.call({ method: 'PATCH', url, payload });
  }

  /** Creates a timer, and gives its id. */
  async create(change: object = { delay: '10s' }): Promise<string> {
    const answer = await this.post('/timers', { url: receiver, ...change });
    assert.equal(answer.statusCode, 201, answer.body);
    return answer.json().id;
  }
}

/** The store with another way to insert. */
export function withInsert(store: Store, insert: Store['insert']): Store {
  return {
    ...wrapStore(
      () => store,
      (_verb, call) => call,
    ),
    insert,
  };
}

/** Asserts that the answer is a problem of this kind, and gives it. */
export function assertProblem(answer: LightMyRequestResponse, status: number, code: string): ProblemBody {
  assert.equal(answer.statusCode, status, answer.body);
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
  const problem = answer.json();
  assert.equal(problem.code, code);
  assert.equal(problem.status, status);
  assert.equal(problem.type, `urn:punctual:error:${code}`);
  assert.ok(problem.title.length > 0 && problem.detail.length > 0);
  return problem;
}

export interface ProblemBody {
  readonly detail: string;
  readonly errors: { readonly pointer: string; readonly detail: string }[];
}
