import type { Dispatcher } from 'undici';
import type { Clock } from '../clock/clock.ts';
import type { OutcomeKind } from '../timer/outcome.ts';
import { refusedBecause, unknownBecause, unsentBecause } from './failure.ts';
import { ResponseText } from './response-text.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { Sent } from './sender.ts';
import { RefusedAddress } from './target-guard.ts';

/** At most this many bytes of a response's body are read; a longer one costs the receiver its connection. */
const bodyBytesMax = 65_536;
/** A body that has not ended this long after the head is not waited for, in milliseconds: the verdict is known. */
const bodyWaitMs = 1_000;

type Controller = Dispatcher.DispatchController;
type Headers = Record<string, string | string[] | undefined>;

export interface ExchangeOptions {
  /** The attempt's number, from 1. */
  readonly number: number;
  /** A deadline for everything from the look-up of the name to the last byte of the response, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly mayLeave: () => boolean;
  readonly resolve: (sent: Sent) => void;
}

/**
 * One request and its response, as undici's handler. What came of it hangs on how far it got:
 *
 * - Before `onRequestStart`: undici calls it once it holds a connected socket (TLS done) and immediately before it writes, in the same
 *   turn of the event loop. Whatever fails earlier, provably no byte of the request has left: `unreachable`.
 * - From then on bytes may have left, even when the first write fails: `unknown`.
 * - When the response's head is there, its status decides, whatever happens to the body.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #cancelDeadline: () => void;
  #cancelBodyWait: (() => void) | undefined;
  readonly #text = new ResponseText();
  /** When the request was handed to the socket or, until then, when the attempt began; store's clock. */
  #startedAt: number;
  #controller: Controller | undefined;
  #status: number | null = null;
  #retryAfterMs: number | undefined;
  #bodyBytes = 0;
  #withheld = false;
  #finished = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#cancelDeadline = options.clock.after(options.timeoutMs, () => this.#onDeadline());
  }

  /** Ends it before it began: the guard refuses the destination. */
  block(range: string): void {
    this.#finish('blocked', refusedBecause(range));
  }

  /** Throwing here is undici's way to take a request back before anything is written; the connection stays usable for the next one. */
  onRequestStart(controller: Controller): void {
    if (this.#finished) throw new Error('the deadline passed before the request could be sent');
    // undici is set up so that it never does this; a second call on the wire must not hang on that.
    if (this.#controller) throw new Error('a request is never sent twice');
    if (!this.#options.mayLeave()) {
      this.#withheld = true;
      throw new Error('the call may no longer be sent');
    }
    this.#controller = controller;
    this.#startedAt = this.#options.clock.now();
  }

  onResponseStart(_: Controller, status: number, headers: Headers): void {
    // Informational responses (1xx) come before the real one.
    if (status < 200) return;
    this.#status = status;
    // Most bodies are there with their head, and have ended before a microtask runs: they cost no alarm.
    queueMicrotask(() => this.#limitBody());
    if (status === 429 || status === 503) this.#retryAfterMs = this.#readRetryAfter(headers['retry-after']);
  }

  onResponseData(_: Controller, chunk: Buffer): void {
    if (this.#finished) return;
    this.#text.add(chunk);
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > bodyBytesMax) this.#breakOff();
  }

  onResponseEnd(): void {
    this.#answered();
  }

  onResponseError(_: Controller | null, error: unknown): void {
    if (this.#status !== null) this.#answered();
    else if (this.#controller) this.#finish('unknown', unknownBecause(error));
    else this.#finish(error instanceof RefusedAddress ? 'blocked' : 'unreachable', unsentBecause(error));
  }

  #limitBody(): void {
    if (!this.#finished) this.#cancelBodyWait = this.#options.clock.after(bodyWaitMs, () => this.#onDeadline());
  }

  #onDeadline(): void {
    if (!this.#controller) this.#finish('unreachable', `no connection ${this.#within()}`);
    // After a pause of the whole process the deadline rings before answers that came meanwhile are read: one turn of the event loop lets
    // them in, so that a call that was answered is not taken for unknown.
    else setImmediate(() => this.#giveUp());
  }

  #giveUp(): void {
    if (this.#status === null) this.#finish('unknown', `no answer ${this.#within()}`);
    this.#breakOff();
  }

  #within(): string {
    return `within ${this.#options.timeoutMs / 1000} s`;
  }

  /** Stops reading; the connection is closed, since its state is no good for another request. */
  #breakOff(): void {
    this.#answered();
    this.#controller?.abort(new Error('enough was read'));
  }

  /**
   * The receiver has given its verdict with the status line. A body that then drips, breaks off or never ends does not take it back: to
   * call a delivered timer unknown because of its body would send it twice.
   */
  #answered(): void {
    const status = this.#status;
    if (status === null) return;
    const redirect = status < 400 ? ' (redirects are not followed)' : '';
    if (status < 300) this.#finish('delivered', null);
    else this.#finish('rejected', `answered with status ${status}${redirect}`);
  }

  #finish(outcome: OutcomeKind, error: string | null): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelDeadline();
    this.#cancelBodyWait?.();
    const { number, clock, resolve } = this.#options;
    resolve({
      attempt: {
        number,
        outcome,
        startedAt: Math.floor(this.#startedAt),
        durationMs: Math.max(0, Math.round(clock.now() - this.#startedAt)),
        status: this.#status,
        error,
        response: this.#text.text(),
      },
      ...(this.#retryAfterMs === undefined ? {} : { retryAfterMs: this.#retryAfterMs }),
      ...(this.#withheld ? { withheld: true } : {}),
    });
  }

  #readRetryAfter(header: string | string[] | undefined): number | undefined {
    const value = Array.isArray(header) ? header[0] : header;
    return value === undefined ? undefined : parseRetryAfter(value, this.#options.clock.now());
  }
}
