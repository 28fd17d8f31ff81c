import { bucketOf, type TimerId } from '../../timer/id.ts';
import { bucketByteOfKey } from '../../timer/key.ts';
import type { EndedStatus, Idempotency, NewTimer, Status, Timer } from '../../timer/timer.ts';
import { claimAcross, inEachBucket, partlyDone } from '../buckets.ts';
import { InFlight } from '../in-flight.ts';
import type { Layout } from '../layout.ts';
import { listRows, type ReadRows } from '../listing.ts';
import { Lookups } from '../lookups.ts';
import { encodeSettlement, encodeTimer, type ListedRow, type SettlementRow } from '../rows.ts';
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
import { Connections, type ConnectionsOptions } from './connections.ts';
import { insert, keyUses } from './inserts.ts';
import { migrate } from './migrate.ts';
import {
  bodyOf,
  type CountsRow,
  claimedOf,
  countsOf,
  deltas,
  type NumberedRows,
  resultsOf,
  timerRowOf,
} from './rows.ts';
import type { StatementName } from './statements.ts';
import { Upkeep } from './upkeep.ts';

export interface PostgresStoreOptions extends ConnectionsOptions {
  /** The number of buckets of a database that is made now; see `migrate`. */
  readonly buckets?: number;
  /** The place of this database among several. */
  readonly shard?: number;
  /** How many places DATABASE_URL has. */
  readonly shards?: number;
  /** At most this many timers are looked at for one page of `list`. */
  readonly listRowsMax?: number;
  /** The largest body of a timer, in bytes. */
  readonly bodyBytesMax?: number;
}

/** Earlier than every instant: what PostgreSQL gets for -Infinity. */
const never = -1;

/** Timers on a PostgreSQL server, or on a Citus cluster: as many processes as like work on one database. */
export class PostgresStore implements Store {
  /** What is set on the server that weakens the promise. */
  readonly warnings: readonly string[];
  /** How many places DATABASE_URL had when this database was made. */
  readonly shardsWhenMade: number;
  readonly #connections: Connections;
  readonly #buckets: number;
  readonly #upkeep: Upkeep;
  readonly #lookups: Lookups;
  readonly #listRowsMax: number;
  readonly #lists = new InFlight({ max: 8, refusal: '8 lists are being read already: try again in a moment' });
  readonly #audits = new InFlight({ max: 1, refusal: 'the timers are being counted already: try again later' });
  #claims = 0;

  private constructor(
    connections: Connections,
    {
      buckets,
      shards,
      warnings,
      lookups,
      listRowsMax,
    }: Layout & { warnings: readonly string[]; lookups: Lookups; listRowsMax: number },
  ) {
    this.#connections = connections;
    this.#buckets = buckets;
    this.#upkeep = new Upkeep(connections, buckets);
    this.#lookups = lookups;
    this.#listRowsMax = listRowsMax;
    this.warnings = warnings;
    this.shardsWhenMade = shards;
  }

  /** Connects, makes what is missing, and brings the schema up to date. Throws a PunctualError that says what is wrong. */
  static async open({ listRowsMax = 10_000, ...options }: PostgresStoreOptions): Promise<PostgresStore> {
    const layout = await migrate(options);
    const connections = new Connections(options);
    const read = async (bucket: number, ids: readonly TimerId[]) =>
      (await connections.read('get', [bucket, ids])).map(timerRowOf);
    const lookups = new Lookups({ ...options, buckets: layout.buckets, read });
    try {
      const warnings = durabilityWarnings(await connections.read('durability', []));
      return new PostgresStore(connections, { ...layout, warnings, lookups, listRowsMax });
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  async insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    const results = await insert(this.#connections, timers, this.#buckets);
    this.#upkeep.ledgerGrew();
    return results;
  }

  async findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined> {
    const bucket = bucketByteOfKey(idempotency.key) % this.#buckets;
    const [use] = await keyUses(this.#connections, bucket, [{ tenant, idempotency }]);
    return use;
  }

  get(id: TimerId): Promise<Timer | undefined> {
    return this.#lookups.get(id);
  }

  list(query: ListQuery): Promise<Page> {
    const name = listOf(query.status);
    const readsOf = (_: unknown, bucket: number): ReadRows => {
      return async (before, limit) => {
        const rows = await this.#connections.read(name, [bucket, before, limit]);
        return rows as unknown as ListedRow<TimerId>[];
      };
    };
    const reads = Array.from({ length: this.#buckets }, readsOf);
    return this.#lists.run(() => listRows(query, reads, this.#listRowsMax));
  }

  async change({ before, after }: Change): Promise<'applied' | 'lost'> {
    // Whoever held it when it was read may have let go of it without another claim.
    if (before.lease) return 'lost';
    const [id, tenant, key, dueAt, retryAt, at, , claim, begun, made, max, url, attempts, spec, body, to] = encodeTimer(
      {
        ...after,
        claim: before.claim + 1,
      },
    );
    const from = before.ended?.status ?? null;
    const where = [bucketOf(id, this.#buckets), id, before.claim];
    const columns = [tenant, key, dueAt, retryAt, at, claim, begun, made, max, url, attempts, spec, bodyOf(body)];
    const rows = await this.#connections.write(changeOf(from, to), [...where, ...columns, ...moveValues(from, to)]);
    if (from !== to) this.#upkeep.ledgerGrew();
    return rows.length === 1 ? 'applied' : 'lost';
  }

  claim(request: ClaimRequest): Promise<Claimed[]> {
    const claim = async (
      bucket: number,
      { owner, horizonAt, expiredBy, limit, leaseUntil, bytesMax }: ClaimRequest,
    ) => {
      const values = [bucket, horizonAt, Math.max(never, expiredBy), limit, owner, leaseUntil, bytesMax];
      const claimed = claimedOf(await this.#connections.write('claim', values));
      this.#upkeep.rowsDied(claimed.length);
      return claimed;
    };
    return claimAcross(request, { buckets: this.#buckets, first: this.#claims++ % this.#buckets, claim });
  }

  begin(holds: readonly Hold[]): Promise<HoldResult[]> {
    return this.#underHolds('begin', holds, () => []);
  }

  extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]> {
    return this.#underHolds('extend', holds, () => [untilAt]);
  }

  release(releases: readonly Release[]): Promise<HoldResult[]> {
    return this.#underHolds('release', releases, (group) => [group.map(({ claimAt }) => claimAt)]);
  }

  settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]> {
    return inEachBucket(settlements, this.#buckets, (bucket, group) =>
      this.#settle(bucket, group.map(encodeSettlement)),
    );
  }

  async purge({ endedBefore, limit }: { endedBefore: number; limit: number }): Promise<number> {
    let purged = 0;
    for (let bucket = 0; bucket < this.#buckets && purged < limit; bucket++) {
      try {
        const [row] = await this.#connections.write('purge', [bucket, endedBefore, limit - purged]);
        purged += row![0] as number;
      } catch (error) {
        // What is purged is purged; the next call meets the failure again.
        if (purged === 0) throw error;
        break;
      }
    }
    if (purged > 0) this.#upkeep.ledgerGrew();
    return purged;
  }

  async counts(nowMs: number): Promise<Counts> {
    const buckets = Array.from({ length: this.#buckets }, (_, bucket) => bucket);
    const rows = await Promise.all(buckets.map((bucket) => this.#connections.read('counts', [bucket, nowMs])));
    return countsOf(rows.flat() as CountsRow[]);
  }

  audit(nowMs: number): Promise<Counts> {
    return this.#audits.run(async () => {
      const rows: CountsRow[] = [];
      for (let bucket = 0; bucket < this.#buckets; bucket++) {
        rows.push(...((await this.#connections.read('audit', [bucket, nowMs], 'audit')) as CountsRow[]));
      }
      return countsOf(rows);
    });
  }

  async beat(beat: { controller: ControllerNote; nowMs: number; forgetBefore: number }): Promise<void> {
    const { owner, startedAt } = beat.controller;
    await this.#connections.write('beat', [owner, startedAt, beat.nowMs, beat.forgetBefore]);
  }

  async controllers(since: number): Promise<ControllerSeen[]> {
    const rows = (await this.#connections.read('controllers', [since])) as [string, number, number][];
    return rows.map(([owner, startedAt, seenAt]) => ({ owner, startedAt, seenAt }));
  }

  async time(): Promise<number> {
    const [row] = await this.#connections.read('time', [], 'clock');
    return row![0] as number;
  }

  async close(): Promise<void> {
    await this.#lookups.close();
    await this.#connections.close();
  }

  /** A verb that compares owner and claim of each timer; `more` gives what its statement wants besides. */
  #underHolds<T extends Hold>(
    name: 'begin' | 'extend' | 'release',
    holds: readonly T[],
    more: (group: readonly T[]) => unknown[],
  ): Promise<HoldResult[]> {
    return inEachBucket(holds, this.#buckets, async (bucket, group) => {
      const columns = [group.map(({ id }) => id), group.map(({ owner }) => owner), group.map(({ claim }) => claim)];
      const rows = await this.#connections.write(name, [bucket, ...columns, ...more(group)]);
      return resultsOf(rows as NumberedRows, group.length);
    });
  }

  async #settle(bucket: number, rows: readonly SettlementRow[]): Promise<HoldResult[]> {
    const columns = Array.from({ length: 8 }, (_, column) => rows.map((row) => row[column]));
    const applied = await this.#connections.write('settle', [bucket, ...columns]);
    const results = resultsOf(applied as NumberedRows, rows.length);
    this.#upkeep.ledgerGrew();
    this.#upkeep.rowsDied(applied.length);
    try {
      for (const [index, row] of rows.entries()) {
        if (results[index] === 'lost') results[index] = await this.#settleLate(bucket, row);
      }
    } catch (error) {
      throw results.includes('applied') ? partlyDone(error) : error;
    }
    return results;
  }

  /** What was not held: perhaps it is settled already, or became uncertain under this very claim. */
  async #settleLate(bucket: number, row: SettlementRow): Promise<HoldResult> {
    const [id, , claim, made, max, attempts, status, at] = row;
    const values = [bucket, id, made, max, attempts, at];
    // On the connections that write: behind reads it might wait for longer than leases last.
    const settled =
      status === null
        ? await this.#connections.read('settledWaiting', values, 'write')
        : await this.#connections.read('settledEnded', [...values, status], 'write');
    if (settled.length === 1) return 'applied';
    const late = [...values, claim, ...deltas('uncertain', status)];
    const resolved =
      status === null
        ? await this.#connections.write('settleLateWaiting', late)
        : await this.#connections.write('settleLateEnded', [...late, status]);
    return resolved.length === 1 ? 'applied' : 'lost';
  }
}

/** Which tables a list has to walk. */
function listOf(status: Status | undefined): StatementName {
  if (status === undefined) return 'list';
  return status === 'waiting' || status === 'executing' ? 'listOpen' : 'listEnded';
}

function changeOf(from: EndedStatus | null, to: EndedStatus | null): StatementName {
  if (from === null) return to === null ? 'changeOpen' : 'end';
  return to === null ? 'reopen' : 'changeEnded';
}

/** What the statement of a change wants behind the timer's columns. */
function moveValues(from: EndedStatus | null, to: EndedStatus | null): unknown[] {
  if (from === null) return to === null ? [] : [to, ...deltas(null, to)];
  return to === null ? [from, ...deltas(from, null)] : [from, ...deltas(from, to), to];
}

/** A commit that is answered must be on the disk. Sessions see to `synchronous_commit` themselves. */
function durabilityWarnings([row]: readonly (readonly unknown[])[]): string[] {
  const [fsync, fullPageWrites] = row!;
  const warnings: string[] = [];
  if (fsync !== 'on')
    warnings.push('fsync is off on the PostgreSQL server: a crash of its machine loses accepted timers');
  if (fullPageWrites !== 'on') {
    warnings.push('full_page_writes is off on the PostgreSQL server: a crash of its machine may damage the database');
  }
  return warnings;
}
