import { Client } from 'pg';
import type { Wakeups } from '../store.ts';
import { pause, type Timing } from '../timing.ts';

const channel = 'punctual';
/** At most one notification in this time, in milliseconds: each takes a lock that the whole server shares, for a moment. */
const everyMs = 5;
/** A connection that broke is made anew after this, in milliseconds. Until then controllers look at their own pace. */
const reconnectMs = 1_000;

export interface PostgresWakeupsOptions {
  readonly url: string;
  readonly clock: Timing;
}

/** Wakeups by NOTIFY, on a connection of their own and in no other transaction: an insert never waits for one. */
export class PostgresWakeups implements Wakeups {
  readonly #options: PostgresWakeupsOptions;
  readonly #listeners: ((at: number) => void)[] = [];
  #client: Client | undefined;
  #connecting = false;
  #closed = false;
  /** The earliest time that is still to be told. */
  #pendingAt = Number.POSITIVE_INFINITY;
  #resting = false;

  constructor(options: PostgresWakeupsOptions) {
    this.#options = options;
  }

  ring(at: number): void {
    this.#pendingAt = Math.min(this.#pendingAt, at);
    if (!this.#resting) void this.#tell();
  }

  onRing(listener: (at: number) => void): void {
    this.#listeners.push(listener);
    // Who listens must be connected before anybody rings.
    void this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end().catch(() => undefined);
  }

  async #tell(): Promise<void> {
    this.#resting = true;
    await this.#connect();
    const at = this.#pendingAt;
    this.#pendingAt = Number.POSITIVE_INFINITY;
    // Touches no table.
    await this.#client?.query('SELECT pg_notify($1, $2)', [channel, String(at)]).catch(() => undefined);
    await pause(this.#options.clock, everyMs);
    this.#resting = false;
    if (this.#pendingAt < Number.POSITIVE_INFINITY && !this.#closed) void this.#tell();
  }

  /** Makes the connection where there is none; never throws. */
  async #connect(): Promise<void> {
    if (this.#client || this.#connecting || this.#closed) return;
    this.#connecting = true;
    const client = new Client({
      connectionString: this.#options.url,
      application_name: 'punctual wakeups',
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    const lost = () => this.#lose(client);
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload }) => {
      for (const listener of this.#listeners) listener(Number(payload));
    });
    try {
      await client.connect();
      if (this.#listeners.length > 0) await client.query(`LISTEN ${channel}`);
      this.#client = client;
      if (this.#closed) await this.close();
    } catch {
      lost();
    } finally {
      this.#connecting = false;
    }
  }

  #lose(client: Client): void {
    if (this.#client === client) this.#client = undefined;
    client.removeAllListeners('end');
    void client.end().catch(() => undefined);
    if (this.#listeners.length > 0 && !this.#closed) this.#options.clock.after(reconnectMs, () => void this.#connect());
  }
}
