import { Client } from 'pg';
import type { Wakeups } from '../store.ts';
import { pause, type Timing } from '../timing.ts';
import { keepAliveMs } from './connections.ts';

const channel = 'punctual';
/** At most one notification in this time, in milliseconds: each takes a lock that the whole server shares, for a moment. */
const everyMs = 5;
/** A connection that broke is made anew after this, in milliseconds. Until then controllers look at their own pace. */
const reconnectMs = 1_000;
/** How long the server may take for an answer, in milliseconds. */
const answerMsMax = 5_000;
/** How long it may take to say farewell, in milliseconds. */
const farewellMsMax = 1_000;

export interface PostgresWakeupsOptions {
  readonly url: string;
  readonly clock: Timing;
}

/** A connection, and the server's number for it: by that a process knows what it told itself. */
interface Line {
  readonly client: Client;
  readonly number: number;
}

/** Wakeups by NOTIFY, on a connection of their own and in no other transaction: an insert never waits for one. */
export class PostgresWakeups implements Wakeups {
  readonly #options: PostgresWakeupsOptions;
  readonly #listeners: ((at: number) => void)[] = [];
  /** The connection that there is, is being made, or could not be made a moment ago. */
  #line: Promise<Line | undefined> | undefined;
  #isClosed = false;
  /** The earliest time that is still to be told. */
  #pendingAt = Number.POSITIVE_INFINITY;
  #isTelling = false;
  /** What was asked last over the connection: `pg` takes one statement at a time. */
  #asked: Promise<unknown> = Promise.resolve();
  #cancelRest: () => void = () => undefined;

  constructor(options: PostgresWakeupsOptions) {
    this.#options = options;
  }

  ring(at: number): void {
    this.#pendingAt = Math.min(this.#pendingAt, at);
    if (!this.#isTelling) void this.#tell();
  }

  onRing(listener: (at: number) => void): void {
    this.#listeners.push(listener);
    // Who listens must be connected before anybody rings.
    void this.#connect().then((line) => line && this.#listen(line));
  }

  /** Ends the connection. Nothing is told or heard from then on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRest();
    const line = await this.#line;
    if (line) await this.#end(line.client);
  }

  async #tell(): Promise<void> {
    this.#isTelling = true;
    while (this.#pendingAt < Number.POSITIVE_INFINITY && !this.#isClosed) {
      const line = await this.#connect();
      const at = this.#pendingAt;
      this.#pendingAt = Number.POSITIVE_INFINITY;
      // Touches no table.
      if (line) await this.#ask(line, 'SELECT pg_notify($1, $2)', [channel, String(at)]);
      await pause(this.#options.clock, everyMs);
    }
    this.#isTelling = false;
  }

  /** The connection, made where there is none; undefined while there can be none. Never throws. */
  #connect(): Promise<Line | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    this.#line ??= this.#open();
    return this.#line;
  }

  async #open(): Promise<Line | undefined> {
    const client = new Client({
      connectionString: this.#options.url,
      application_name: 'punctual wakeups',
      connectionTimeoutMillis: answerMsMax,
      query_timeout: answerMsMax,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveMs,
    });
    // Comes once, however the connection ends.
    client.on('end', () => this.#rest());
    client.on('error', () => this.#drop(client));
    try {
      await client.connect();
      const { rows } = await client.query<{ number: number }>('SELECT pg_backend_pid() AS number');
      const line = { client, number: rows[0]!.number };
      if (this.#listeners.length > 0) await this.#listen(line);
      return line;
    } catch {
      this.#drop(client);
      return undefined;
    }
  }

  #listen(line: Line): Promise<void> {
    const { client, number } = line;
    client.removeAllListeners('notification');
    client.on('notification', ({ processId, payload }) => {
      const at = Number(payload);
      if (processId === number || !Number.isFinite(at)) return;
      for (const listener of this.#listeners) listener(at);
    });
    return this.#ask(line, `LISTEN ${channel}`);
  }

  /** Runs a statement after those before it. A connection on which it fails is of no more use; that is its own affair. */
  async #ask({ client }: Line, sql: string, values: readonly string[] = []): Promise<void> {
    const asked = this.#asked.then(() => client.query(sql, [...values])).catch(() => this.#drop(client));
    this.#asked = asked;
    await asked;
  }

  /** Ends a connection that failed, without a farewell; its end is followed by a rest. */
  #drop(client: Client): void {
    client.connection.stream.destroy();
  }

  /** A server that has just gone is left alone for a moment, whoever rings. */
  #rest(): void {
    this.#line = Promise.resolve(undefined);
    if (this.#isClosed) return;
    this.#cancelRest = this.#options.clock.after(reconnectMs, () => {
      this.#line = undefined;
      if (this.#listeners.length > 0) void this.#connect();
    });
  }

  /** Ends a connection; one whose server does not say farewell, after a while. */
  async #end(client: Client): Promise<void> {
    await new Promise<void>((resolve) => {
      const late = this.#options.clock.after(farewellMsMax, () => this.#drop(client));
      client.once('end', () => {
        late();
        resolve();
      });
      void client.end().catch(() => undefined);
    });
  }
}
