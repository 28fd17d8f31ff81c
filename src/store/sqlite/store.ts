import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PunctualError } from '../../timer/errors.ts';
import type { TimerId } from '../../timer/id.ts';
import type { Idempotency, NewTimer, Timer } from '../../timer/timer.ts';
import { InFlight } from '../in-flight.ts';
import {
  decodeSummary,
  decodeTimer,
  encodeNew,
  encodeSettlement,
  encodeTimer,
  type HoldRow,
  type TimerRow,
} from '../rows.ts';
import type {
  Change,
  Claimed,
  ClaimRequest,
  ControllerNote,
  ControllerSeen,
  Counts,
  HeldSettlement,
  Hold,
  HoldResult,
  InsertResult,
  KeyUse,
  ListQuery,
  Page,
  Release,
  Store,
} from '../store.ts';
import { locate } from './open.ts';
import type { ReadVerbs, WriteVerbs } from './protocol.ts';
import { WorkerConnection } from './worker-connection.ts';

export interface SqliteStoreOptions {
  /** The database's file; it is created where it is missing, its folder is not. */
  readonly path: string;
  /** The file grows to at most this many pages of 4 KiB; beyond that, writes fail with `store_full`. Without it, the disk is the limit. */
  readonly pageCountMax?: number;
  /** At most this many timers are looked at for one page of `list`. */
  readonly listRowsMax?: number;
}

/**
 * The embedded store: one SQLite file, which one process has open. Two worker threads do the work, so that a commit or a long read
 * never holds up the thread that fires timers: a writer, which puts all that waits into one transaction, and a reader beside it, which sees
 * whatever was answered before it was asked.
 */
export class SqliteStore implements Store {
  readonly #writer: WorkerConnection<WriteVerbs>;
  readonly #reader: WorkerConnection<ReadVerbs>;
  /** A page is about 2 MB at most, and waits in the reader's queue behind the pages before it. */
  readonly #lists = new InFlight({ max: 8, refusal: '8 lists are being read already: try again in a moment' });
  readonly #audits = new InFlight({ max: 1, refusal: 'the timers are being counted already: try again later' });
  /** The file's clock is this machine's, so no thread needs to be asked for it. */
  readonly #clock: DatabaseSync;
  readonly #time: StatementSync;

  private constructor(writer: WorkerConnection<WriteVerbs>, reader: WorkerConnection<ReadVerbs>) {
    this.#writer = writer;
    this.#reader = reader;
    this.#clock = new DatabaseSync(':memory:');
    // Touches no table.
    this.#time = this.#clock.prepare("SELECT round(unixepoch('subsec') * 1000) AS now");
  }

  /** Opens the file, or makes it, and brings its schema up to date. Throws a PunctualError that says what is wrong with it. */
  static async open({ path, pageCountMax, listRowsMax = 10_000 }: SqliteStoreOptions): Promise<SqliteStore> {
    const data = { path: locate(path), pageCountMax: pageCountMax ?? null, listRowsMax };
    const script = new URL('./worker.ts', import.meta.url);
    const writer = await WorkerConnection.open<WriteVerbs>({
      script,
      data: { ...data, role: 'writer' },
      lostCode: 'commit_unknown',
    });
    try {
      const reader = await WorkerConnection.open<ReadVerbs>({
        script,
        data: { ...data, role: 'reader' },
        lostCode: 'store_unavailable',
      });
      return new SqliteStore(writer, reader);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    return this.#writer.call('insert', timers.map(encodeNew));
  }

  findKey(tenant: string, { key, fingerprint }: Idempotency): Promise<KeyUse | undefined> {
    return this.#reader.call('findKey', tenant, key, fingerprint);
  }

  async get(id: TimerId): Promise<Timer | undefined> {
    const row = await this.#reader.call('get', id);
    return row && decodeTimer(row);
  }

  async list(query: ListQuery): Promise<Page> {
    const { rows, next } = await this.#lists.run(() => this.#reader.call('list', query));
    return { timers: rows.map(decodeSummary), next, missing: [] };
  }

  async change({ before, after }: Change): Promise<'applied' | 'lost'> {
    // Whoever held it when it was read may have let go of it without another claim.
    if (before.lease) return 'lost';
    const next = encodeTimer({ ...after, claim: before.claim + 1 });
    return this.#writer.call('change', [before.claim, before.ended?.status ?? null], next);
  }

  async claim(request: ClaimRequest): Promise<Claimed[]> {
    const rows = await this.#writer.call('claim', request);
    return rows.map((row) => claimed(row, request));
  }

  begin(holds: readonly Hold[]): Promise<HoldResult[]> {
    return this.#writer.call('begin', holds.map(holdRow));
  }

  extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]> {
    return this.#writer.call('extend', holds.map(holdRow), untilAt);
  }

  settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]> {
    return this.#writer.call('settle', settlements.map(encodeSettlement));
  }

  release(releases: readonly Release[]): Promise<HoldResult[]> {
    return this.#writer.call(
      'release',
      releases.map(({ id, owner, claim, claimAt }) => [id, owner, claim, claimAt] as const),
    );
  }

  purge({ endedBefore, limit }: { endedBefore: number; limit: number }): Promise<number> {
    return this.#writer.call('purge', endedBefore, limit);
  }

  counts(nowMs: number): Promise<Counts> {
    return this.#reader.call('counts', nowMs);
  }

  audit(nowMs: number): Promise<Counts> {
    return this.#audits.run(() => this.#reader.call('audit', nowMs));
  }

  beat(beat: { controller: ControllerNote; nowMs: number; forgetBefore: number }): Promise<void> {
    return this.#writer.call('beat', beat.controller, beat.nowMs, beat.forgetBefore);
  }

  controllers(since: number): Promise<ControllerSeen[]> {
    return this.#reader.call('controllers', since);
  }

  async time(): Promise<number> {
    if (!this.#clock.isOpen) throw new PunctualError('store_unavailable', { message: 'the store is closed' });
    return (this.#time.get() as { now: number }).now;
  }

  async close(): Promise<void> {
    if (this.#clock.isOpen) this.#clock.close();
    // The last connection that closes copies the WAL into the file, and that must be the one that can write.
    await this.#reader.close();
    await this.#writer.close();
  }
}

function holdRow({ id, owner, claim }: Hold): HoldRow {
  return [id, owner, claim];
}

function claimed(row: TimerRow, { owner, leaseUntil }: ClaimRequest): Claimed {
  const timer = decodeTimer(row);
  return {
    timer: { ...timer, claim: timer.claim + 1, lease: { owner, until: leaseUntil } },
    claimableAt: row[5],
    takenFrom: timer.lease?.owner ?? null,
  };
}
