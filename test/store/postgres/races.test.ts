import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Claimed, HeldSettlement, Store } from '../../../src/store/store.ts';
import type { TimerId } from '../../../src/timer/id.ts';
import type { NewTimer, Timer } from '../../../src/timer/timer.ts';
import {
  cancel,
  fire,
  reschedule,
  resolve,
  retry,
  type Settlement,
  type Verdict,
} from '../../../src/timer/transition.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { aNewTimer } from '../../support/timers.ts';
import { aClaim, anAttempt, checkLedger, holdOf, listAll, t0 } from '../conformance.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

/** Nothing that would be the end of a timer for good. */
const nexts: readonly Settlement['next'][] = [
  { ended: { status: 'failed', at: t0 } },
  { ended: { status: 'uncertain', at: t0 } },
  { retryAt: t0 },
];

const verdicts: readonly ((timer: Timer) => Verdict)[] = [
  (timer) => fire(timer, t0),
  (timer) => retry(timer, t0),
  (timer) => retry(timer, t0),
  (timer) => resolve(timer, 'failed', t0),
  (timer) => reschedule(timer, { dueAt: t0 + 1 }),
];

/** What was said to have been done, by timer and claim number. */
class Record {
  readonly #said = new Map<string, string>();
  /** Claims of timers that nobody held, by what was before. */
  readonly #afterFree: string[] = [];

  /** Notes that `what` gave the timer this claim number, or let go of it under this number: each happens once. */
  note(kind: 'made' | 'ended', id: TimerId, claim: number, what: string): void {
    const name = `${kind} ${id} ${claim}`;
    assert.equal(this.#said.get(name), undefined, `${name} by ${what} too`);
    this.#said.set(name, what);
  }

  noteClaim({ timer: { id, claim }, takenFrom }: Claimed, owner: string): void {
    this.note('made', id, claim, `a claim of ${owner}`);
    if (takenFrom === null) this.#afterFree.push(`${id} ${claim - 1}`);
  }

  /** What was claimed as free had been let go of, if somebody had held it. */
  check(): void {
    for (const name of this.#afterFree) {
      const wasHeld = this.#said.get(`made ${name}`)?.startsWith('a claim');
      assert.ok(!wasHeld || this.#said.has(`ended ${name}`), `${name} was held and claimed as free`);
    }
  }

  get size(): number {
    return this.#said.size;
  }
}

/** One of several clients that do all at once whatever they like to a few timers. */
class Client {
  readonly #store: Store;
  readonly #ids: readonly TimerId[];
  readonly #record: Record;
  /** Shared with others, as by the calls of one controller: claims are told apart by their numbers. */
  readonly #owner: string;
  readonly #name: string;
  readonly #fraction: () => number;

  constructor(store: Store, { ids, record, seed }: { ids: readonly TimerId[]; record: Record; seed: number }) {
    this.#store = store;
    this.#ids = ids;
    this.#record = record;
    this.#owner = `owner ${seed % 2}`;
    this.#name = `client ${seed}`;
    this.#fraction = seededRandom(seed).fraction;
  }

  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await this.#pick([() => this.#hold(), () => this.#hold(), () => this.#change()])();
    }
  }

  /** Claims some timers, perhaps somebody else's, and settles some of them, perhaps twice, perhaps too late. */
  async #hold(): Promise<void> {
    const claimed = await this.#store.claim(
      aClaim({ owner: this.#owner, limit: 6, expiredBy: this.#fraction() < 0.5 ? t0 + 9_000 : t0 - 1 }),
    );
    for (const each of claimed) this.#record.noteClaim(each, this.#name);
    const holds = claimed.map(({ timer }) => holdOf(timer));
    if (this.#fraction() < 0.5) await this.#store.begin(holds);
    if (this.#fraction() < 0.3) await this.#store.extend(holds.toReversed(), t0 + 6_000);
    if (this.#fraction() < 0.2) {
      const released = await this.#store.release(holds.map((hold) => ({ ...hold, claimAt: t0 })));
      this.#noteApplied(released, holds, 'a release');
      return;
    }
    const settlements = holds.map((hold): HeldSettlement => {
      const attempts = [anAttempt({ number: hold.claim, error: this.#name })];
      return { ...hold, settlement: { attempts, attemptsMade: hold.claim, attemptsMax: 99, next: this.#pick(nexts) } };
    });
    const results = await this.#store.settle(settlements);
    this.#noteApplied(results, holds, 'a settlement');
    // Whatever became of them since, the same again must not be done again.
    if (this.#fraction() < 0.5) await this.#store.settle(settlements);
  }

  #noteApplied(results: readonly string[], holds: readonly { id: TimerId; claim: number }[], what: string): void {
    for (const [index, { id, claim }] of holds.entries()) {
      if (results[index] === 'applied') this.#record.note('ended', id, claim, `${what} of ${this.#name}`);
    }
  }

  async #change(): Promise<void> {
    const id = this.#pick(this.#ids);
    const before = await this.#store.get(id);
    assert.ok(before, `${id} is nowhere`);
    const verdict = this.#pick(verdicts)(before);
    if (!('after' in verdict) || verdict.after === before) return;
    const result = await this.#store.change({ before, after: verdict.after });
    if (result === 'applied') this.#record.note('made', id, before.claim + 1, `a change of ${this.#name}`);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#fraction() * items.length)]!;
  }
}

describe('several clients of PostgreSQL at once', { skip: unavailable }, () => {
  for (const seed of [1, 2, 3]) {
    it(`never do to a timer what another did before, and lose none (seed ${seed})`, async (t) => {
      const url = await freshDatabase('postgres', t);
      const stores = await Promise.all([1, 2, 3].map(() => openStore(t, { url, buckets: 2 })));
      const news = Array.from({ length: 12 }, () => aNewTimer(t0, { dueAt: t0 }));
      await stores[0]!.insert(news);
      const ids = news.map(({ id }) => id);
      const record = new Record();
      const clients = stores.flatMap((store, n) =>
        [0, 1, 2, 3].map((m) => new Client(store, { ids, record, seed: seed * 100 + n * 10 + m })),
      );
      let isOver = false;
      const looking = lookAt(stores[2]!, ids, () => isOver);
      await Promise.all(clients.map((client) => client.run(80)));
      isOver = true;
      record.check();
      assert.ok((await looking) > 20);
      assert.ok(record.size > 500, `${record.size} things were done`);
      assert.equal((await checkLedger(stores[0]!)).accepted, ids.length);
      const client = await connectTo(t, url);
      const { rows } = await client.query('SELECT id FROM timers UNION ALL SELECT id FROM history ORDER BY id');
      assert.deepEqual(
        rows.map(({ id }) => id),
        ids.toSorted(),
      );
    });
  }

  it('find each timer, and list it once, whoever moves it meanwhile', async (t) => {
    const url = await freshDatabase('postgres', t);
    const [store, other] = [await openStore(t, { url }), await openStore(t, { url })];
    const news = Array.from({ length: 40 }, () => aNewTimer(t0));
    await store.insert(news);
    let isOver = false;
    const moving = news.map(({ id }) => moveToAndFro(other, id, () => isOver));
    const ids = news.map(({ id }) => id);
    const looking = lookAt(store, ids, () => isOver);
    for (let look = 0; look < 50; look++) await Promise.all(ids.map(async (id) => assert.ok(await store.get(id))));
    isOver = true;
    await Promise.all([...moving, looking]);
  });

  it('use a key once at a time, though others purge the timer that it led to', async (t) => {
    const url = await freshDatabase('postgres', t);
    const stores = await Promise.all([1, 2, 3].map(() => openStore(t, { url })));
    const client = await connectTo(t, url);
    const done = await Promise.all(stores.flatMap((store, n) => [useKeys(store, n), useKeys(store, n + 10)]));
    const created = done.reduce((sum, each) => sum + each.created, 0);
    const purged = done.reduce((sum, each) => sum + each.purged, 0);
    const counts = await checkLedger(stores[0]!);
    assert.deepEqual([counts.accepted, counts.purged], [created, purged]);
    assert.ok(purged > 20, `${purged} timers were purged`);
    const { rows } = await client.query(`
      SELECT keys.id AS key, timer.id AS timer FROM keys
      FULL JOIN (SELECT id FROM timers UNION ALL SELECT id FROM history) AS timer ON timer.id = keys.id
      WHERE keys.id IS NULL OR timer.id IS NULL`);
    assert.deepEqual(rows, [], 'keys lead to timers, and each timer to its key');
    // What a session has counted is told at the latest when it ends.
    await Promise.all(stores.map((store) => store.close()));
    const counted = await client.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()');
    assert.equal(Number(counted.rows[0].deadlocks), 0);
  });
});

/** Ends a timer and brings it back, until it is over. */
async function moveToAndFro(store: Store, id: TimerId, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const before = (await store.get(id))!;
    const ended = before.ended ? null : ({ status: 'failed', at: t0 } as const);
    await store.change({ before, after: { ...before, ended, claim: before.claim + 1 } });
  }
}

/** Creates timers with a few keys, cancels some, and purges some of what has ended. Gives how many. */
async function useKeys(store: Store, seed: number): Promise<{ created: number; purged: number }> {
  const { fraction } = seededRandom(seed);
  const keyed = (key: string): NewTimer => aNewTimer(t0, { idempotency: { key, fingerprint: 'f' } });
  const sum = { created: 0, purged: 0 };
  for (let round = 0; round < 100; round++) {
    const results = await store.insert(Array.from({ length: 4 }, () => keyed(`k${Math.floor(fraction() * 6)}`)));
    assert.ok(results.every(({ kind }) => kind === 'created' || kind === 'existing'));
    sum.created += results.filter(({ kind }) => kind === 'created').length;
    for (const result of results) if (result.kind === 'existing') await cancelOne(store, result.id);
    const purged = await store.purge({ endedBefore: t0 + 1, limit: 3 });
    sum.purged += purged;
  }
  return sum;
}

async function cancelOne(store: Store, id: TimerId): Promise<void> {
  const before = await store.get(id);
  const verdict = before && cancel(before, t0);
  if (before && verdict && 'after' in verdict) await store.change({ before, after: verdict.after });
}

/** Lists all timers again and again: none may be missing or there twice. Gives how often. */
async function lookAt(store: Store, ids: readonly TimerId[], isOver: () => boolean): Promise<number> {
  const newest = ids.toSorted().reverse();
  let looks = 0;
  for (; !isOver(); looks++) {
    const { ids: listed } = await listAll(store, { tenant: 'default', nowMs: t0, limit: 5 });
    assert.deepEqual(listed, newest);
  }
  return looks;
}
