import { Worker } from 'node:worker_threads';
import { type ErrorCode, PunctualError } from '../../timer/errors.ts';
import { fromWire } from './faults.ts';
import type { Answer, Call, Report, WorkerData } from './protocol.ts';

/** An interface with nothing but methods. */
type VerbsOf<Verbs> = Record<keyof Verbs, (...args: never[]) => unknown>;

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: PunctualError) => void;
}

export interface WorkerConnectionOptions {
  /** The worker's script, which speaks as protocol.ts says. */
  readonly script: URL;
  readonly data: Omit<WorkerData, 'pauseMs' | 'expireLeases'>;
  /** What a call gets whose worker died before it answered. */
  readonly lostCode: ErrorCode;
}

/** How long a worker that died stays away, in milliseconds: twice as long each time that the next one dies before it has answered. */
const pauseMsMin = 100;
const pauseMsMax = 5_000;

/**
 * Calls into a worker thread, whose verbs are `Verbs`. A worker that dies (it is out of memory, or its connection broke beyond repair)
 * is replaced after a pause; until then every call is refused with `store_unavailable`.
 */
export class WorkerConnection<Verbs extends VerbsOf<Verbs>> {
  readonly #options: WorkerConnectionOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  /** What is wrong while there is no worker to call. */
  #fault: PunctualError | undefined;
  #lastNumber = 0;
  #pauseMs = pauseMsMin;
  #closing = false;

  private constructor(options: WorkerConnectionOptions) {
    this.#options = options;
  }

  /** Starts the worker and waits until it has opened the file. Throws what the worker reports. */
  static async open<Verbs extends VerbsOf<Verbs>>(options: WorkerConnectionOptions): Promise<WorkerConnection<Verbs>> {
    const connection = new WorkerConnection<Verbs>(options);
    await connection.#start({ pauseMs: 0, expireLeases: true });
    return connection;
  }

  call<Verb extends keyof Verbs & string>(
    verb: Verb,
    ...args: Parameters<Verbs[Verb]>
  ): Promise<ReturnType<Verbs[Verb]>> {
    if (this.#closing) return Promise.reject(closed());
    return this.#send(verb, args);
  }

  /** Lets the worker finish what was called before, and waits until it is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    const worker = this.#worker;
    if (!worker) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    if (this.#fault) await worker.terminate();
    // A worker that dies on the way has nothing left to close.
    else await this.#send('close', []).catch(() => {});
    await gone;
  }

  #send<Result>(verb: string, args: readonly unknown[]): Promise<Result> {
    if (this.#fault) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      const number = ++this.#lastNumber;
      this.#pending.set(number, { resolve, reject });
      this.#worker!.postMessage([number, verb, args] satisfies Call);
    });
  }

  /** Starts a worker. Resolves when it is open, rejects when it cannot open the file. */
  #start(start: Pick<WorkerData, 'pauseMs' | 'expireLeases'>): Promise<void> {
    const { script, data } = this.#options;
    const workerData: WorkerData = { ...data, ...start };
    const worker = new Worker(script, { workerData, name: `punctual-sqlite-${data.role}` });
    this.#worker = worker;
    this.#fault = unavailable(`${data.path} is being opened`);
    return new Promise((resolve, reject) => {
      let cause: unknown;
      let open = false;
      worker.on('message', (report: Report) => {
        if (report.kind === 'answers') this.#settle(report.answers);
        if (report.kind === 'fault') cause = fromWire(report.error);
        if (report.kind !== 'open') return;
        open = true;
        this.#fault = undefined;
        resolve();
      });
      worker.on('error', (error) => {
        cause = error;
      });
      worker.on('exit', () => {
        this.#worker = undefined;
        if (start.pauseMs === 0 && !open) reject(cause instanceof PunctualError ? cause : this.#lost(cause));
        else if (!this.#closing) this.#restart(cause);
        this.#rejectPending(cause);
      });
    });
  }

  #settle(answers: readonly Answer[]): void {
    this.#pauseMs = pauseMsMin;
    for (const [number, error, value] of answers) {
      const pending = this.#pending.get(number);
      this.#pending.delete(number);
      if (error) pending?.reject(fromWire(error));
      else pending?.resolve(value as never);
    }
  }

  #restart(cause: unknown): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, pauseMsMax);
    // The leases found now are those of this very process. It never rejects: a worker after a pause is replaced in turn.
    void this.#start({ pauseMs, expireLeases: false });
    const detail = cause instanceof Error ? `: ${cause.message}` : '';
    this.#fault = unavailable(`${this.#options.data.path} is being opened again${detail}`, cause);
  }

  #rejectPending(cause: unknown): void {
    for (const { reject } of this.#pending.values()) reject(this.#lost(cause));
    this.#pending.clear();
  }

  #lost(cause: unknown): PunctualError {
    const { lostCode, data } = this.#options;
    return new PunctualError(lostCode, { message: `the thread that has ${data.path} open stopped`, cause });
  }
}

function unavailable(message: string, cause?: unknown): PunctualError {
  return new PunctualError('store_unavailable', { message, cause });
}

function closed(): PunctualError {
  return unavailable('the store is closed');
}
