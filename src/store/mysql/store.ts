import type { TimerId } from '../../timer/id.ts';
import { bucketByteOfKey } from '../../timer/key.ts';
import type { Random } from '../../timer/random.ts';
import type { Idempotency, NewTimer, Timer } from '../../timer/timer.ts';
import { InFlight } from '../in-flight.ts';
import { Lookups } from '../lookups.ts';
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
import type { Timing } from '../timing.ts';
import { change, purge } from './changes.ts';
import { Claims } from './claims.ts';
import { Connections } from './connections.ts';
import { repeatableUnderHolds, underHolds } from './holds.ts';
import { findKey, insert } from './inserts.ts';
import { LedgerFolder } from './ledger.ts';
import { type Migrated, migrate } from './migrate.ts';
import { audit, controllers, counts, get, list } from './reads.ts';
import { hexOf } from './rows.ts';
import { settle } from './settling.ts';
import { beat, forgetControllers } from './statements/controllers.ts';
import { begin, extend, release } from './statements/holds.ts';
import { tellTime } from './statements/reads.ts';

export interface MysqlStoreOptions {
  /** `mysql://user:password@host:port/database`; see `parseAddress`. */
  readonly url: string;
  readonly clock: Timing;
  readonly random: Random;
  /** The number of buckets of a database that is made now; one that exists keeps its own. */
  readonly buckets?: number;
  /** The place of this database among several. */
  readonly shard?: number;
  /** How many places DATABASE_URL has. */
  readonly shards?: number;
  /** At most this many timers are looked at for one page of `list`. */
  readonly listRowsMax?: number;
  /** The largest body of a timer, in bytes. */
  readonly bodyBytesMax?: number;
  /** At most this many connections at a time. */
  readonly connectionsMax?: number;
}

/** Timers on a MySQL or MariaDB server: as many processes as like work on one database. */
export class MysqlStore implements Store {
  /** What is set on the server that weakens the promise. */
  readonly warnings: readonly string[];
  /** How many places DATABASE_URL had when this database was made. */
  readonly shardsWhenMade: number;
  readonly #connections: Connections;
  readonly #buckets: number;
  readonly #lookups: Lookups;
  readonly #listRowsMax: number;
  readonly #claims: Claims;
  readonly #ledger: LedgerFolder;
  readonly #lists = new InFlight({ max: 8, refusal: '8 lists are being read already: try again in a moment' });
  readonly #audits = new InFlight({ max: 1, refusal: 'the timers are being counted already: try again later' });

  private constructor(
    connections: Connections,
    { buckets, shards, warnings, lookups, listRowsMax }: Migrated & { lookups: Lookups; listRowsMax: number },
  ) {
    this.#connections = connections;
    this.#buckets = buckets;
    this.#lookups = lookups;
    this.#listRowsMax = listRowsMax;
    this.warnings = warnings;
    this.shardsWhenMade = shards;
    this.#claims = new Claims(connections, buckets);
    this.#ledger = new LedgerFolder(connections, buckets);
  }

  /** Connects, makes what is missing, and brings the schema up to date. Throws a PunctualError that says what is wrong. */
  static async open({ listRowsMax = 10_000, ...options }: MysqlStoreOptions): Promise<MysqlStore> {
    const migrated = await migrate(options);
    const connections = new Connections({ ...options, ...migrated });
    const read = (bucket: number, ids: readonly TimerId[]) => get(connections, bucket, ids);
    const lookups = new Lookups({ ...options, buckets: migrated.buckets, read });
    return new MysqlStore(connections, { ...migrated, lookups, listRowsMax });
  }

  insert(timers: readonly NewTimer[]): Promise<InsertResult[]> {
    return this.#noting(insert(this.#connections, timers, this.#buckets));
  }

  findKey(tenant: string, idempotency: Idempotency): Promise<KeyUse | undefined> {
    const bucket = bucketByteOfKey(idempotency.key) % this.#buckets;
    return findKey(this.#connections, bucket, { tenant, idempotency });
  }

  get(id: TimerId): Promise<Timer | undefined> {
    return this.#lookups.get(id);
  }

  list(query: ListQuery): Promise<Page> {
    const limits = { buckets: this.#buckets, rowsMax: this.#listRowsMax };
    return this.#lists.run(() => list(this.#connections, query, limits));
  }

  change(wanted: Change): Promise<'applied' | 'lost'> {
    return this.#noting(change(this.#connections, wanted, this.#buckets));
  }

  claim(request: ClaimRequest): Promise<Claimed[]> {
    return this.#claims.claim(request);
  }

  begin(holds: readonly Hold[]): Promise<HoldResult[]> {
    return repeatableUnderHolds(this.#connections, { holds, buckets: this.#buckets }, (bucket, owner, held) =>
      begin(bucket, owner, held.map(givenOf)),
    );
  }

  extend(holds: readonly Hold[], untilAt: number): Promise<HoldResult[]> {
    return repeatableUnderHolds(this.#connections, { holds, buckets: this.#buckets }, (bucket, owner, held) =>
      extend(bucket, owner, held.map(givenOf), untilAt),
    );
  }

  settle(settlements: readonly HeldSettlement[]): Promise<HoldResult[]> {
    return this.#noting(settle(this.#connections, settlements, this.#buckets));
  }

  release(releases: readonly Release[]): Promise<HoldResult[]> {
    return underHolds(this.#connections, { holds: releases, buckets: this.#buckets }, (bucket, owner, held) =>
      release(
        bucket,
        owner,
        held.map((each) => [...givenOf(each), each.claimAt] as const),
      ),
    );
  }

  purge(request: { readonly endedBefore: number; readonly limit: number }): Promise<number> {
    return this.#noting(purge(this.#connections, request, this.#buckets));
  }

  counts(nowMs: number): Promise<Counts> {
    return counts(this.#connections, nowMs, this.#buckets);
  }

  audit(nowMs: number): Promise<Counts> {
    return this.#audits.run(() => audit(this.#connections, nowMs, this.#buckets));
  }

  async beat(note: { controller: ControllerNote; nowMs: number; forgetBefore: number }): Promise<void> {
    const { owner, startedAt } = note.controller;
    await this.#connections.write(beat(owner, startedAt, note.nowMs), forgetControllers(note.forgetBefore));
  }

  controllers(since: number): Promise<ControllerSeen[]> {
    return controllers(this.#connections, since);
  }

  async time(): Promise<number> {
    const [told] = await this.#connections.askClock(tellTime);
    return told!.rows[0]![0] as number;
  }

  async close(): Promise<void> {
    await this.#lookups.close();
    await this.#connections.close();
  }

  /** What may have written to the ledger. */
  async #noting<Result>(call: Promise<Result>): Promise<Result> {
    const result = await call;
    this.#ledger.noteWrite();
    return result;
  }
}

function givenOf({ id, claim }: Hold): readonly [string, number] {
  return [hexOf(id), claim];
}
