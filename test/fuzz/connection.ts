import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, takeAnswer } from './answers.ts';

/** An answer that takes longer is taken for one that never comes, in milliseconds: the largest batch on a busy machine takes seconds. */
const answerMsMax = 60_000;

/** The connection ended, or was silent for too long, before the answer was whole. */
export class NoAnswer extends Error {}

/** A socket, and what came over it so far. */
class Line {
  readonly socket: Socket;
  bytes: Buffer = Buffer.alloc(0);
  /** Nothing more comes; `error` where that was no orderly end. */
  ended = false;
  error: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.#tell();
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    for (const event of ['end', 'close']) this.socket.on(event, () => this.#end());
  }

  /** Resolves when something has come or ended, or after this time, with whether it has. */
  async changed(withinMs: number): Promise<boolean> {
    if (this.ended) return true;
    const timeout = new AbortController();
    const changed = this.#changed.promise.then(() => true);
    const late = delay(withinMs, false, { signal: timeout.signal }).catch(() => false);
    try {
      return await Promise.race([changed, late]);
    } finally {
      timeout.abort();
    }
  }

  #end(): void {
    this.ended = true;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** A client that keeps its connection and sends whatever bytes it is given. */
export class Connection {
  readonly #port: number;
  #line: Line | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends a request and waits for its answer. Throws {@link NoAnswer}, or NoHttp. */
  async ask(bytes: Buffer, { toHead }: { readonly toHead: boolean }): Promise<Answer> {
    const kept = this.#line;
    try {
      return await this.#askOver(kept ?? new Line(this.#port), bytes, toHead);
    } catch (error) {
      this.close();
      // The server may close a connection that it has kept for long enough at the moment at which it is used.
      const wasIdle = kept !== undefined && error instanceof NoAnswer && kept.bytes.length === 0 && kept.ended;
      if (wasIdle) return await this.ask(bytes, { toHead });
      throw error;
    }
  }

  async #askOver(line: Line, bytes: Buffer, toHead: boolean): Promise<Answer> {
    this.#line = line;
    line.socket.write(bytes);
    for (;;) {
      const { ended } = line;
      const taken = takeAnswer(line.bytes, { toHead, ended });
      if (taken) {
        line.bytes = taken.rest;
        // 100 Continue is no answer yet.
        if (taken.answer.status < 200) continue;
        if (line.ended || taken.answer.headers.get('connection') === 'close') this.close();
        return taken.answer;
      }
      if (ended)
        throw new NoAnswer(`the connection ended ${line.error?.message ?? 'in order'}, without a whole answer`);
      if (!(await line.changed(answerMsMax))) throw new NoAnswer(`no answer within ${answerMsMax} ms`);
    }
  }

  close(): void {
    this.#line?.socket.destroy();
    this.#line = undefined;
  }
}

/** Bytes for a connection of their own. */
export interface Script {
  /** Written one after the other, with a pause between. */
  readonly pieces: readonly Buffer[];
  readonly pauseMs: number;
  /** What comes behind the last one: waiting for answers, an end at once, a reset, or nothing at all for this long. */
  readonly after: 'listen' | 'end' | 'reset' | { readonly silentMs: number };
}

/** Whoever has not begun to answer after this time waits for more bytes, in milliseconds. A slow answer that is missed is no fault. */
const quietMs = 150;
/** The server must let go of a connection that the client has ended, in milliseconds. */
const endMsMax = 30_000;

/** Everything that the server says to it. Throws {@link NoAnswer} where it does not let go of the connection. */
export async function play(port: number, script: Script): Promise<Buffer> {
  const line = new Line(port);
  try {
    for (const [at, piece] of script.pieces.entries()) {
      if (at > 0) await delay(script.pauseMs);
      line.socket.write(piece);
    }
    await finish(line, script.after);
    return line.bytes;
  } finally {
    line.socket.destroy();
  }
}

async function finish(line: Line, after: Script['after']): Promise<void> {
  if (after === 'reset') return void line.socket.resetAndDestroy();
  if (typeof after === 'object') return void (await delay(after.silentMs));
  if (after === 'listen') while (!line.ended && (await line.changed(quietMs)));
  line.socket.end();
  const deadline = performance.now() + endMsMax;
  while (!line.ended) {
    await line.changed(deadline - performance.now());
    if (performance.now() > deadline)
      throw new NoAnswer(`the server kept a connection for ${endMsMax} ms after its end`);
  }
}
