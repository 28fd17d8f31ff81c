import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Hold, InsertResult, Store } from '../../src/store/store.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { NewTimer, Timer } from '../../src/timer/timer.ts';
import { cancel, fire, reschedule, resolve, retry, type Verdict } from '../../src/timer/transition.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { aNewTimer, aSpec } from '../support/timers.ts';
import { aClaim, anAttempt, checkLedger, holdOf, listAll, type OpenStore, t0 } from './conformance.ts';

const seeds = [1, 2, 3, 4];
const steps = 300;

/** Registers tests in which chance drives an engine and the MemoryStore through the same verbs: every result must be the same. */
export function storeModel(name: string, open: OpenStore): void {
  for (const seed of seeds) {
    it(`${name} does what MemoryStore does, whatever the verbs (seed ${seed})`, async (t) => {
      const store = await open(t, { listRowsMax: 7 });
      const walk = new Walk(store, new MemoryStore({ time: () => t0, listRowsMax: 7 }), seed);
      for (let step = 0; step < steps; step++) await walk.step();
      walk.mustHaveMet();
    });
  }
}

/** Chance with a memory: what was inserted and claimed so far, so that verbs hit timers in every state, with holds fresh and stale. */
class Walk {
  readonly #store: Store;
  readonly #model: Store;
  readonly #random: () => number;
  #now = t0;
  readonly #ids: TimerId[] = [];
  readonly #holds: Hold[] = [];
  /** How often each kind of result has come. */
  readonly #met = new Map<string, number>();

  constructor(store: Store, model: Store, seed: number) {
    this.#store = store;
    this.#model = model;
    this.#random = seededRandom(seed).fraction;
  }

  async step(): Promise<void> {
    this.#now += this.#upTo(1_000);
    const verbs = [
      () => this.#insert(),
      () => this.#claim(),
      () => this.#claim(),
      () => this.#begin(),
      () => this.#extend(),
      () => this.#settle(),
      () => this.#settle(),
      () => this.#release(),
      () => this.#change(),
      () => this.#change(),
      () => this.#purge(),
    ];
    await this.#pick(verbs)();
    assert.deepEqual(await checkLedger(this.#store, this.#now), await this.#model.counts(this.#now));
    const query = { tenant: 'default', nowMs: this.#now, limit: 5 };
    assert.deepEqual((await listAll(this.#store, query)).pages, (await listAll(this.#model, query)).pages);
  }

  /** A walk that never met one of these results has not tested it. */
  mustHaveMet(): void {
    const results = ['created', 'existing', 'conflict', 'applied', 'lost', 'claimed', 'takenOver', 'purged'];
    for (const result of results) assert.ok(this.#met.get(result), `the walk never met ${result}`);
  }

  async #insert(): Promise<void> {
    const timers = Array.from({ length: this.#upTo(4) }, () => this.#newTimer());
    const results: InsertResult[] = await this.#both((store) => store.insert(timers));
    for (const [index, { kind }] of results.entries()) {
      this.#meet(kind);
      if (kind === 'created') this.#ids.push(timers[index]!.id);
    }
  }

  #newTimer(): NewTimer {
    const idempotency = { key: `k${this.#upTo(8)}`, fingerprint: `f${this.#upTo(1)}` };
    return aNewTimer(this.#now, {
      dueAt: this.#now + this.#upTo(5_000),
      spec: aSpec({
        body: this.#random() < 0.5 ? 'x'.repeat(this.#upTo(3) * 1_000) : null,
        tags: ['a', 'b'].slice(this.#upTo(3)),
      }),
      idempotency: this.#random() < 0.5 ? idempotency : null,
    });
  }

  async #claim(): Promise<void> {
    const request = aClaim({
      owner: this.#pick(['one', 'two', 'three']),
      nowMs: this.#now,
      horizonAt: this.#now + 500,
      leaseUntil: this.#now + this.#upTo(2_000),
      limit: this.#upTo(6),
      // Between the sums of the bodies: engines need not agree on the few bytes of the rest.
      bytesMax: this.#upTo(6) * 1_000 + 500,
      expiredBy: this.#random() < 0.5 ? this.#now : Number.NEGATIVE_INFINITY,
    });
    const claimed = await this.#both((store) => store.claim(request));
    for (const { timer, takenFrom } of claimed) {
      this.#holds.push(holdOf(timer));
      this.#meet('claimed');
      if (takenFrom !== null) this.#meet('takenOver');
    }
  }

  async #begin(): Promise<void> {
    const holds = this.#someHolds();
    this.#meetAll(await this.#both((store) => store.begin(holds)));
  }

  async #extend(): Promise<void> {
    const holds = this.#someHolds();
    const untilAt = this.#now + this.#upTo(4_000);
    this.#meetAll(await this.#both((store) => store.extend(holds, untilAt)));
  }

  async #release(): Promise<void> {
    const releases = this.#someHolds().map((hold) => ({ ...hold, claimAt: this.#now + this.#upTo(3_000) }));
    this.#meetAll(await this.#both((store) => store.release(releases)));
  }

  async #settle(): Promise<void> {
    const settlements = this.#someHolds().map((hold) => ({
      ...hold,
      settlement: {
        attempts: [anAttempt({ number: hold.claim })],
        attemptsMade: hold.claim,
        attemptsMax: 8,
        // Coarse times and few states, so that settlements meet their like.
        next: this.#pick([
          { retryAt: this.#now + 2_000 },
          { ended: { status: 'done', at: t0 } },
          { ended: { status: 'failed', at: this.#now } },
          { ended: { status: 'uncertain', at: this.#now } },
        ] as const),
      },
    }));
    this.#meetAll(await this.#both((store) => store.settle(settlements)));
  }

  async #change(): Promise<void> {
    const id = this.#pick(this.#ids);
    const before = id && (await this.#both((store) => store.get(id)));
    if (!before) return;
    const verdict = this.#pick<(timer: Timer) => Verdict>([
      (timer) => cancel(timer, this.#now),
      (timer) => fire(timer, this.#now),
      (timer) => retry(timer, this.#now),
      (timer) => retry(timer, this.#now),
      (timer) => resolve(timer, 'done', this.#now),
      (timer) => reschedule(timer, { dueAt: this.#now + this.#upTo(5_000) }),
    ])(before);
    if (!('after' in verdict)) return;
    const stale = { ...before, claim: before.claim - (this.#random() < 0.1 ? 1 : 0) };
    this.#meetAll([await this.#both((store) => store.change({ before: stale, after: verdict.after }))]);
  }

  async #purge(): Promise<void> {
    const request = { endedBefore: this.#now - this.#upTo(20_000), limit: this.#upTo(3) };
    if ((await this.#both((store) => store.purge(request))) > 0) this.#meet('purged');
  }

  async #both<Result>(call: (store: Store) => Promise<Result>): Promise<Result> {
    const [result, expected] = await Promise.all([call(this.#store), call(this.#model)]);
    assert.deepEqual(result, expected);
    return result;
  }

  /** A few of the newest holds, most of them fresh. */
  #someHolds(): Hold[] {
    const newest = this.#holds.slice(-30);
    return newest.filter(() => this.#random() < 0.1);
  }

  #meetAll(results: readonly string[]): void {
    for (const result of results) this.#meet(result);
  }

  #meet(result: string): void {
    this.#met.set(result, (this.#met.get(result) ?? 0) + 1);
  }

  #upTo(max: number): number {
    return Math.floor(this.#random() * (max + 1));
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)]!;
  }
}
