import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  ClaimRequest,
  Counts,
  Hold,
  InsertResult,
  KeyUse,
  ListQuery,
  Page,
  Store,
  TimerSummary,
} from '../../src/store/store.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { Attempt } from '../../src/timer/outcome.ts';
import type { EndedStatus, NewTimer, Timer } from '../../src/timer/timer.ts';
import { cancel, fire, reschedule, resolve, retry, type Settlement, takeOver } from '../../src/timer/transition.ts';
import { aNewTimer, aSpec } from '../support/timers.ts';

/** Opens an empty store. It is closed, and what it left behind removed, when the test ends. */
export type OpenStore = (context: TestContext, options?: { readonly listRowsMax?: number }) => Promise<Store>;

/** What a factory needs of a test. */
export interface TestContext {
  after(run: () => void | Promise<void>): void;
}

/** The moment at which every scene begins. */
export const t0 = Date.UTC(2026, 0, 1);

/** Takes everything that is due by t0 + 1 h, but nobody's lease. */
export function aClaim(change: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    owner: 'one',
    nowMs: t0,
    horizonAt: t0 + 3_600_000,
    leaseUntil: t0 + 6_000,
    limit: 1_000,
    bytesMax: 1_000_000,
    expiredBy: Number.NEGATIVE_INFINITY,
    ...change,
  };
}

export function anAttempt(change: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    outcome: 'delivered',
    startedAt: t0 + 1_000,
    durationMs: 12.5,
    status: 200,
    error: null,
    response: 'ok',
    ...change,
  };
}

/** A settlement after one attempt. */
export function aSettlement(next: Settlement['next'], change: Partial<Attempt> = {}): Settlement {
  return { attempts: [anAttempt(change)], attemptsMade: 1, attemptsMax: 8, next };
}

const ended = (status: EndedStatus, at = t0 + 2_000) => ({ ended: { status, at } });

export function holdOf(timer: Timer): Hold {
  return { id: timer.id, owner: timer.lease!.owner, claim: timer.claim };
}

/**
 * Inserts timers, each by itself, so that a store of several places may spread them, and returns them as the store has them, in the order
 * given.
 */
async function put(store: Store, ...news: NewTimer[]): Promise<Timer[]> {
  const results = await Promise.all(news.map((fresh) => store.insert([fresh])));
  return created(store, results.flat());
}

/** As `put`, all in one batch. */
async function putTogether(store: Store, ...news: NewTimer[]): Promise<Timer[]> {
  return created(store, await store.insert(news));
}

function created(store: Store, results: readonly InsertResult[]): Promise<Timer[]> {
  return Promise.all(
    results.map(async (result) => {
      assert.ok(result.kind === 'created', `a new timer is ${result.kind}`);
      return (await store.get(result.id))!;
    }),
  );
}

async function claimOne(store: Store, change: Partial<ClaimRequest> = {}): Promise<Timer> {
  const [claimed] = await store.claim(aClaim({ limit: 1, ...change }));
  assert.ok(claimed, 'there is something to claim');
  return claimed.timer;
}

/** A timer that was sent once and ended so. */
async function putEnded(store: Store, status: EndedStatus, change: Partial<NewTimer> = {}): Promise<Timer> {
  const [timer] = await put(store, aNewTimer(t0, change));
  const verdict = cancel(timer!, t0 + 2_000);
  assert.ok('after' in verdict);
  const after = { ...verdict.after, ended: { status, at: t0 + 2_000 } };
  assert.equal(await store.change({ before: timer!, after }), 'applied');
  return (await store.get(timer!.id))!;
}

/** An at-most-once timer whose call was marked by `one`, whose lease ran out, and which `two` made uncertain. */
async function putUncertain(store: Store): Promise<{ hold: Hold; timer: Timer }> {
  const [fresh] = await put(store, aNewTimer(t0, { spec: aSpec({ delivery: 'at-most-once' }) }));
  const first = await claimOne(store);
  await store.begin([holdOf(first)]);
  const second = await claimOne(store, { owner: 'two', expiredBy: t0 + 6_000, leaseUntil: t0 + 20_000 });
  const taken = takeOver(second, t0 + 7_000);
  assert.ok('settle' in taken);
  assert.deepEqual(await store.settle([{ ...holdOf(second), settlement: taken.settle }]), ['applied']);
  return { hold: holdOf(first), timer: (await store.get(fresh!.id))! };
}

/** Both the ledger's identity and its agreement with the rows. */
export async function checkLedger(store: Store, nowMs = t0): Promise<Counts> {
  const counts = await store.counts(nowMs);
  const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  assert.equal(accepted, waiting + executing + done + failed + cancelled + uncertain + purged);
  assert.deepEqual(await store.audit(nowMs), counts);
  return counts;
}

/** What a list shows of the timer. */
function summaryOf({
  id,
  spec: { url, method, tags },
  dueAt,
  retryAt,
  attemptsMade,
  lease,
  ended,
}: Timer): TimerSummary {
  return { id, spec: { url, method, tags }, dueAt, retryAt, attemptsMade, lease, ended };
}

function aQuery(change: Partial<ListQuery> = {}): ListQuery {
  return { tenant: 'default', nowMs: t0, limit: 100, ...change };
}

/** Reads page by page to the end. */
export async function listAll(store: Store, query: ListQuery): Promise<{ ids: TimerId[]; pages: Page[] }> {
  const pages = [await store.list(query)];
  for (let next = pages[0]!.next; next !== null; next = pages.at(-1)!.next) {
    assert.ok(pages.length < 1_000, 'the pages come to an end');
    pages.push(await store.list({ ...query, before: next }));
  }
  return { ids: pages.flatMap(({ timers }) => timers.map(({ id }) => id)), pages };
}

/** Whether a store keeps all timers in one place, or spreads them over buckets or shards: then order and atomicity hold in each of them. */
export type Places = 'one' | 'several';

/** Registers the suite that every engine must pass. */
export function storeConformance(
  name: string,
  open: OpenStore,
  places: Places = 'one',
  /** Why the store cannot be had here; false when it can. */
  skip: string | false = false,
): void {
  // Each test has a store of its own; those that open files wait for the disk most of the time.
  describe(`${name} keeps the store's contract`, { concurrency: 8, skip }, () => {
    insertTests(open);
    if (places === 'one') onePlaceTests(open);
    keyTests(open);
    claimTests(open);
    holdTests(open);
    settleTests(open);
    uncertainTests(open);
    changeTests(open);
    listTests(open, places);
    purgeTests(open);
    countTests(open);
    controllerTests(open);
  });
}

function insertTests(open: OpenStore): void {
  it('stores a plain timer as waiting and never tried', async (t) => {
    const store = await open(t);
    const fresh = aNewTimer(t0);
    const [timer] = await put(store, fresh);
    assert.deepEqual(timer, {
      id: timer!.id,
      tenant: 'default',
      key: null,
      spec: fresh.spec,
      dueAt: t0 + 1_000,
      retryAt: null,
      attempts: [],
      attemptsMade: 0,
      attemptsMax: 8,
      claim: 0,
      lease: null,
      begunClaim: null,
      ended: null,
    });
  });

  it('gives back every field of a timer exactly as it was given', async (t) => {
    const store = await open(t);
    const spec = aSpec({
      url: 'https://example.com:8443/%C3%BC/hook?a=1&b=%20',
      method: 'PUT',
      headers: Object.fromEntries(
        Array.from({ length: 64 }, (_, index) => [`x-header-${index}`, `"värde" \\ ${index}`]),
      ),
      body: `zero \0 quote " snowman ☃ pair 𝄞 line\r\n\u2028 ${'x'.repeat(262_144)}`,
      appendId: false,
      delivery: 'at-most-once',
      retry: { maxAttempts: 3, initialMs: 250, maxMs: 86_400_000, factor: 1.5 },
      timeoutMs: 1,
      tags: ['étiquette', '標籤', ' '],
    });
    const fresh = aNewTimer(t0, { spec, tenant: 'tenänt', idempotency: { key: 'kéy "1"', fingerprint: 'f' } });
    const [timer] = await put(store, fresh);
    assert.deepEqual(timer!.spec, spec);
    assert.equal(timer!.tenant, 'tenänt');
    assert.equal(timer!.key, 'kéy "1"');
    assert.equal(timer!.attemptsMax, 3);

    const claimed = await claimOne(store);
    assert.deepEqual(claimed.spec, spec);
    const attempt = anAttempt({ outcome: 'rejected', status: 500, error: 'nö "x"', response: 'é'.repeat(512) });
    const settlement = { attempts: [attempt], attemptsMade: 1, attemptsMax: 3, next: ended('failed') };
    assert.deepEqual(await store.settle([{ ...holdOf(claimed), settlement }]), ['applied']);
    assert.deepEqual(await store.get(timer!.id), {
      ...claimed,
      lease: null,
      attempts: [attempt],
      attemptsMade: 1,
      ended: { status: 'failed', at: t0 + 2_000 },
    });
  });

  it('tells specs apart that differ in a single field', async (t) => {
    const store = await open(t);
    const retry = { maxAttempts: 8, initialMs: 1_000, maxMs: 3_600_000, factor: 5 };
    const specs = [
      aSpec({ method: 'GET' }),
      aSpec({ headers: { a: '' } }),
      aSpec({ body: '' }),
      aSpec({ appendId: false }),
      aSpec({ delivery: 'at-most-once' }),
      aSpec({ retry: { ...retry, maxAttempts: 1 } }),
      aSpec({ retry: { ...retry, initialMs: 0 } }),
      aSpec({ retry: { ...retry, maxMs: 1 } }),
      aSpec({ retry: { ...retry, factor: 1 } }),
      aSpec({ timeoutMs: 15_001 }),
      aSpec({ tags: [''] }),
    ];
    const timers = await putTogether(store, ...specs.map((spec) => aNewTimer(t0, { spec })));
    assert.deepEqual(
      timers.map(({ spec }) => spec),
      specs,
    );
  });

  it('finds nothing under an id that was never stored', async (t) => {
    const store = await open(t);
    assert.equal(await store.get(aNewTimer(t0).id), undefined);
  });

  it('refuses every verb once it is closed, and may be closed twice', async (t) => {
    const store = await open(t);
    await store.close();
    await store.close();
    const fault = { code: 'store_unavailable' };
    await assert.rejects(store.insert([aNewTimer(t0)]), fault);
    await assert.rejects(store.get(aNewTimer(t0).id), fault);
    await assert.rejects(store.claim(aClaim()), fault);
    await assert.rejects(store.counts(t0), fault);
    await assert.rejects(store.time(), fault);
  });

  it('finishes on close what was called before', async (t) => {
    const store = await open(t);
    const [kept] = await created(store, await store.insert([aNewTimer(t0)]));
    const inserts = Array.from({ length: 50 }, () => store.insert([aNewTimer(t0)]));
    const gets = Array.from({ length: 50 }, () => store.get(kept!.id));
    await store.close();
    assert.equal((await Promise.all(inserts)).length, 50);
    assert.ok((await Promise.all(gets)).every((timer) => timer?.id === kept!.id));
  });
}

function onePlaceTests(open: OpenStore): void {
  it('keeps a timer under the id that it came with', async (t) => {
    const store = await open(t);
    const fresh = aNewTimer(t0, { idempotency: { key: 'k', fingerprint: 'f' } });
    const plain = aNewTimer(t0);
    assert.deepEqual(await store.insert([fresh, plain]), [
      { kind: 'created', id: fresh.id },
      { kind: 'created', id: plain.id },
    ]);
  });

  it('stores nothing of a batch in which one timer cannot be stored, and names that one', async (t) => {
    const store = await open(t);
    const [first, other] = [aNewTimer(t0), aNewTimer(t0)];
    await store.insert([first]);
    await assert.rejects(store.insert([other, first]), { code: 'internal', message: new RegExp(first.id) });
    assert.equal(await store.get(other.id), undefined);
    assert.equal((await checkLedger(store)).accepted, 1);
  });

  it('claims the earliest first, whatever the order of creation', async (t) => {
    const store = await open(t);
    const dues = [300, 100, 500, 200, 400];
    await put(store, ...dues.map((due) => aNewTimer(t0, { dueAt: t0 + due })));
    const claimed = await store.claim(aClaim({ limit: 3 }));
    assert.deepEqual(
      claimed.map(({ timer }) => timer.dueAt - t0),
      [100, 200, 300],
    );
    const rest = await store.claim(aClaim());
    assert.deepEqual(
      rest.map(({ timer }) => timer.dueAt - t0),
      [400, 500],
    );
  });

  it('stops at the bytes it was given, but takes at least one', async (t) => {
    const store = await open(t);
    const bodies = [900, 50, 50, 900];
    await put(
      store,
      ...bodies.map((length, index) =>
        aNewTimer(t0, { dueAt: t0 + index, spec: aSpec({ url: 'http://a.example/', body: 'x'.repeat(length) }) }),
      ),
    );
    const sizes = async (bytesMax: number) =>
      (await store.claim(aClaim({ bytesMax }))).map(({ timer }) => timer.spec.body!.length);
    assert.deepEqual(await sizes(100), [900]);
    assert.deepEqual(await sizes(500), [50, 50]);
    assert.deepEqual(await sizes(0), [900]);
  });

  it('puts leases that ran out and free timers into one order', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0, { dueAt: t0 }));
    await claimOne(store, { leaseUntil: t0 + 300 });
    await put(store, ...[100, 400, 200].map((due) => aNewTimer(t0, { dueAt: t0 + due })));
    const claimed = await store.claim(aClaim({ owner: 'two', limit: 3, expiredBy: t0 + 1_000 }));
    assert.deepEqual(
      claimed.map(({ claimableAt, takenFrom }) => [claimableAt - t0, takenFrom]),
      [
        [100, null],
        [200, null],
        [300, 'one'],
      ],
    );
  });

  it('takes the older first of those that are claimable since the same moment, free or not', async (t) => {
    const store = await open(t);
    const [first, second, third] = [1, 2, 3].map((at) => aNewTimer(t0 + at, { dueAt: t0 + 300 }));
    await put(store, second!);
    await claimOne(store, { leaseUntil: t0 + 300 });
    await put(store, third!, first!);
    const claimed = await store.claim(aClaim({ owner: 'two', expiredBy: t0 + 300 }));
    assert.deepEqual(
      claimed.map(({ timer }) => timer.id),
      [first, second, third].map((timer) => timer!.id),
    );
  });

  it('counts headers and tags among the bytes, and letters beyond ASCII as UTF-8', async (t) => {
    const store = await open(t);
    const spec = aSpec({ headers: { a: 'é'.repeat(100) }, tags: ['é'.repeat(100)] });
    // Together, since of several places each gives one.
    await putTogether(store, aNewTimer(t0, { spec }), aNewTimer(t0, { spec }));
    assert.equal((await store.claim(aClaim({ bytesMax: 800 }))).length, 1);
    await put(store, aNewTimer(t0, { spec }));
    assert.equal((await store.claim(aClaim({ bytesMax: 1_000 }))).length, 2);
  });

  it('counts as overdue what nobody holds though it is claimable, and knows since when the oldest waits', async (t) => {
    const store = await open(t);
    await put(store, ...[100, 200, 300].map((due) => aNewTimer(t0, { dueAt: t0 + due })));
    const at = async (ms: number) => {
      const { overdue, oldestOverdueAt } = await checkLedger(store, t0 + ms);
      return [overdue, oldestOverdueAt && oldestOverdueAt - t0];
    };
    assert.deepEqual(await at(99), [0, null]);
    assert.deepEqual(await at(200), [2, 100]);
    const first = await claimOne(store);
    assert.deepEqual(await at(300), [2, 200], 'the first is held');
    await store.release([{ ...holdOf(first), claimAt: t0 + 250 }]);
    assert.deepEqual(await at(240), [1, 200], 'the first is postponed');
    assert.deepEqual(await at(300), [3, 100], 'postponed, it waits since its own time');
  });
}

function keyTests(open: OpenStore): void {
  const keyed = (fingerprint: string, change: Partial<NewTimer> = {}): NewTimer =>
    aNewTimer(t0, { idempotency: { key: 'k', fingerprint }, ...change });

  it('answers a repeated request with the id and due time of its first copy', async (t) => {
    const store = await open(t);
    const [first] = await put(store, keyed('same', { dueAt: t0 + 5_000 }));
    const again = keyed('same', { dueAt: t0 + 9_000 });
    assert.deepEqual(await store.insert([again]), [{ kind: 'existing', id: first!.id, dueAt: t0 + 5_000 }]);
    assert.equal(await store.get(again.id), undefined);
    assert.equal((await checkLedger(store)).accepted, 1);
  });

  it('repeats the due time of the first answer though the timer was rescheduled since', async (t) => {
    const store = await open(t);
    const [timer] = await put(store, keyed('same'));
    const verdict = reschedule(timer!, { dueAt: t0 + 60_000 });
    assert.ok('after' in verdict);
    await store.change({ before: timer!, after: verdict.after });
    assert.deepEqual(await store.insert([keyed('same')]), [{ kind: 'existing', id: timer!.id, dueAt: t0 + 1_000 }]);
  });

  it('calls another request under a used key a conflict', async (t) => {
    const store = await open(t);
    const [first] = await put(store, keyed('one'));
    assert.deepEqual(await store.insert([keyed('two')]), [{ kind: 'conflict', id: first!.id }]);
  });

  it('sees a key that is used twice within one batch', async (t) => {
    const store = await open(t);
    const first = keyed('same');
    const plain = aNewTimer(t0);
    const results = await store.insert([first, keyed('same'), keyed('other'), plain]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['created', 'existing', 'conflict', 'created'],
    );
    const [created, existing, conflict] = results as [{ id: TimerId }, KeyUse, KeyUse];
    assert.deepEqual(existing, { kind: 'existing', id: created.id, dueAt: first.dueAt });
    assert.equal(conflict.id, created.id);
    assert.equal((await checkLedger(store)).accepted, 2);
  });

  it('keeps the keys of tenants apart', async (t) => {
    const store = await open(t);
    const tenants = ['m', 'a', 'z', 'default'];
    const results = await store.insert(tenants.map((tenant) => keyed(`fingerprint of ${tenant}`, { tenant })));
    assert.ok(results.every(({ kind }) => kind === 'created'));
  });

  it('tells what a key was used for, without using it', async (t) => {
    const store = await open(t);
    const find = (fingerprint: string) => store.findKey('default', { key: 'k', fingerprint });
    assert.equal(await find('same'), undefined);
    const [timer] = await put(store, keyed('same'));
    assert.deepEqual(await find('same'), { kind: 'existing', id: timer!.id, dueAt: timer!.dueAt });
    assert.deepEqual(await find('other'), { kind: 'conflict', id: timer!.id });
    assert.equal(await store.findKey('other', { key: 'k', fingerprint: 'same' }), undefined);
  });

  it('keeps a key while its timer is in the history, and frees it with the purge', async (t) => {
    const store = await open(t);
    const first = keyed('same');
    await store.insert([first]);
    const claimed = await claimOne(store);
    await store.settle([{ ...holdOf(claimed), settlement: aSettlement(ended('done')) }]);
    assert.equal((await store.insert([keyed('same')]))[0]!.kind, 'existing');
    assert.equal(await store.purge({ endedBefore: t0 + 10_000, limit: 10 }), 1);
    assert.equal((await store.insert([keyed('other')]))[0]!.kind, 'created');
  });
}

function claimTests(open: OpenStore): void {
  it('claims no more than the limit, in order, and misses nothing that there is room for', async (t) => {
    const store = await open(t);
    await put(store, ...[300, 100, 500, 200, 400].map((due) => aNewTimer(t0, { dueAt: t0 + due })));
    const dues = async (limit: number) =>
      (await store.claim(aClaim({ limit }))).map(({ claimableAt }) => claimableAt - t0);
    const first = await dues(3);
    const second = await dues(1);
    const rest = await dues(5);
    assert.deepEqual([first.length, second.length, rest.length], [3, 1, 1]);
    assert.deepEqual(
      first,
      first.toSorted((one, other) => one - other),
    );
    assert.deepEqual(new Set([...first, ...second, ...rest]), new Set([100, 200, 300, 400, 500]));
  });

  it('claims what is due at the horizon, and nothing behind it', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0, { dueAt: t0 + 500 }), aNewTimer(t0, { dueAt: t0 + 501 }));
    const claimed = await store.claim(aClaim({ horizonAt: t0 + 500 }));
    assert.deepEqual(
      claimed.map(({ timer }) => timer.dueAt),
      [t0 + 500],
    );
  });

  it('leases what it claims to the owner, and raises the claim number', async (t) => {
    const store = await open(t);
    const [timer] = await put(store, aNewTimer(t0));
    const claimed = await store.claim(aClaim({ owner: 'me', leaseUntil: t0 + 7_000 }));
    const leased = { ...timer, claim: 1, lease: { owner: 'me', until: t0 + 7_000 } };
    assert.deepEqual(claimed, [{ timer: leased, claimableAt: t0 + 1_000, takenFrom: null }]);
    assert.deepEqual(await store.get(timer!.id), leased);
    assert.deepEqual(await store.claim(aClaim({ owner: 'other' })), []);
  });

  it('takes over leases that ran out by then, and says so; others stay', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0, { dueAt: t0 }), aNewTimer(t0, { dueAt: t0 + 1 }));
    const old = await claimOne(store, { leaseUntil: t0 + 6_000 });
    await claimOne(store, { leaseUntil: t0 + 6_001 });
    assert.deepEqual(await store.claim(aClaim({ owner: 'two' })), []);
    const [taken, ...rest] = await store.claim(aClaim({ owner: 'two', expiredBy: t0 + 6_000, leaseUntil: t0 + 9_000 }));
    assert.deepEqual(rest, []);
    assert.equal(taken!.takenFrom, 'one');
    assert.equal(taken!.claimableAt, t0 + 6_000);
    assert.deepEqual(taken!.timer, { ...old, claim: 2, lease: { owner: 'two', until: t0 + 9_000 } });
  });

  it('claims nothing twice when several owners claim at the same time', async (t) => {
    const store = await open(t);
    await putTogether(store, ...Array.from({ length: 100 }, () => aNewTimer(t0)));
    const claims = await Promise.all(['one', 'two', 'three'].map((owner) => store.claim(aClaim({ owner, limit: 40 }))));
    // What was passed over since another was just claiming it, or its neighbour, is there for the next.
    claims.push(await store.claim(aClaim({ owner: 'four' })));
    const ids = claims.flat().map(({ timer }) => timer.id);
    assert.equal(ids.length, 100);
    assert.equal(new Set(ids).size, 100);
  });
}

function holdTests(open: OpenStore): void {
  const stale = (hold: Hold): Hold[] => [
    { ...hold, owner: 'a thief' },
    { ...hold, owner: 'the thief' },
    { ...hold, claim: hold.claim - 1 },
    { ...hold, claim: hold.claim + 1 },
    { ...hold, id: aNewTimer(t0).id },
  ];
  const lost = ['lost', 'lost', 'lost', 'lost', 'lost'];

  it('writes nothing for a stale owner or claim number, whatever the verb', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const timer = await claimOne(store);
    const holds = stale(holdOf(timer));
    const settlement = aSettlement(ended('done'));
    assert.deepEqual(await store.begin(holds), lost);
    assert.deepEqual(await store.extend(holds, t0 + 60_000), lost);
    assert.deepEqual(await store.release(holds.map((hold) => ({ ...hold, claimAt: t0 }))), lost);
    assert.deepEqual(await store.settle(holds.map((hold) => ({ ...hold, settlement }))), lost);
    const later = aSettlement({ retryAt: t0 + 9_000 });
    assert.deepEqual(await store.settle(holds.map((hold) => ({ ...hold, settlement: later }))), lost);
    assert.deepEqual(await store.get(timer.id), timer);
    await checkLedger(store);
  });

  it('gives each entry of a batch its own result', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0), aNewTimer(t0));
    const [one, two] = (await store.claim(aClaim())).map(({ timer }) => holdOf(timer));
    const holds = [one!, { ...two!, claim: 9 }, two!];
    assert.deepEqual(await store.begin(holds), ['applied', 'lost', 'applied']);
    assert.deepEqual(await store.extend(holds, t0 + 9_000), ['applied', 'lost', 'applied']);
    const settlements = holds.map((hold, index) => ({ ...hold, settlement: aSettlement(ended('done', t0 + index)) }));
    assert.deepEqual(await store.settle(settlements), ['applied', 'lost', 'applied']);
  });

  it('takes empty batches', async (t) => {
    const store = await open(t);
    assert.deepEqual(await store.insert([]), []);
    assert.deepEqual(await store.begin([]), []);
    assert.deepEqual(await store.extend([], t0), []);
    assert.deepEqual(await store.settle([]), []);
    assert.deepEqual(await store.release([]), []);
  });

  it('marks a call as begun with its claim number', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    await claimOne(store);
    const timer = await claimOne(store, { owner: 'two', expiredBy: t0 + 6_000 });
    assert.deepEqual(await store.begin([holdOf(timer)]), ['applied']);
    assert.deepEqual(await store.get(timer.id), { ...timer, begunClaim: 2 });
  });

  it('extends a lease, even one that ran out, until somebody takes it', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const timer = await claimOne(store, { leaseUntil: t0 - 1 });
    assert.deepEqual(await store.extend([holdOf(timer)], t0 + 8_000), ['applied']);
    assert.deepEqual(await store.get(timer.id), { ...timer, lease: { owner: 'one', until: t0 + 8_000 } });
    assert.deepEqual(await store.claim(aClaim({ owner: 'two', expiredBy: t0 + 7_999 })), []);
    assert.equal((await store.claim(aClaim({ owner: 'two', expiredBy: t0 + 8_000 }))).length, 1);
    assert.deepEqual(await store.extend([holdOf(timer)], t0 + 99_000), ['lost']);
  });

  it('makes a released timer claimable from the moment given, without its mark', async (t) => {
    const store = await open(t);
    const [before] = await put(store, aNewTimer(t0));
    const timer = await claimOne(store);
    await store.begin([holdOf(timer)]);
    assert.deepEqual(await store.release([{ ...holdOf(timer), claimAt: t0 + 4_000 }]), ['applied']);
    assert.deepEqual(await store.get(timer.id), { ...before, claim: 1 });
    assert.deepEqual(await store.claim(aClaim({ horizonAt: t0 + 3_999 })), []);
    const [again] = await store.claim(aClaim({ horizonAt: t0 + 4_000 }));
    assert.equal(again!.timer.claim, 2);
    assert.equal(again!.claimableAt, t0 + 4_000);
    assert.equal(again!.takenFrom, null);
    assert.deepEqual(await store.release([{ ...holdOf(timer), claimAt: t0 }]), ['lost']);
  });
}

function settleTests(open: OpenStore): void {
  for (const status of ['done', 'failed', 'cancelled', 'uncertain'] as const) {
    it(`ends a timer as ${status}`, async (t) => {
      const store = await open(t);
      await put(store, aNewTimer(t0));
      const timer = await claimOne(store);
      const settlement = aSettlement(ended(status));
      assert.deepEqual(await store.settle([{ ...holdOf(timer), settlement }]), ['applied']);
      const { next, ...counted } = settlement;
      assert.deepEqual(await store.get(timer.id), { ...timer, ...counted, lease: null, ...next });
      assert.equal((await checkLedger(store))[status], 1);
      assert.deepEqual(await store.claim(aClaim({ expiredBy: t0 + 1e9 })), []);
    });
  }

  it('settles back to waiting: claimable again at the time of the retry', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0, { spec: aSpec({ delivery: 'at-most-once' }) }));
    const timer = await claimOne(store);
    await store.begin([holdOf(timer)]);
    const settlement = aSettlement({ retryAt: t0 + 5_000 }, { outcome: 'unreachable', error: 'refused' });
    assert.deepEqual(await store.settle([{ ...holdOf(timer), settlement }]), ['applied']);
    const { next: _, ...counted } = settlement;
    const waiting = { ...timer, ...counted, lease: null, retryAt: t0 + 5_000, begunClaim: null };
    assert.deepEqual(await store.get(timer.id), waiting);
    assert.deepEqual(await store.claim(aClaim({ horizonAt: t0 + 4_999 })), []);
    const [again] = await store.claim(aClaim({ horizonAt: t0 + 5_000 }));
    assert.deepEqual(again, {
      timer: { ...waiting, claim: 2, lease: { owner: 'one', until: t0 + 6_000 } },
      claimableAt: t0 + 5_000,
      takenFrom: null,
    });
  });

  it('settles under a lease that ran out, as long as nobody took it', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const timer = await claimOne(store, { leaseUntil: t0 - 1 });
    assert.deepEqual(await store.settle([{ ...holdOf(timer), settlement: aSettlement(ended('done')) }]), ['applied']);
  });

  it('keeps the time of the retry with a timer that ends', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const first = await claimOne(store);
    await store.settle([{ ...holdOf(first), settlement: aSettlement({ retryAt: t0 + 5_000 }) }]);
    const second = await claimOne(store);
    await store.settle([{ ...holdOf(second), settlement: aSettlement(ended('done')) }]);
    assert.equal((await store.get(first.id))!.retryAt, t0 + 5_000);
  });

  for (const next of [ended('done'), ended('uncertain'), { retryAt: t0 + 5_000 }]) {
    const to = 'ended' in next ? next.ended.status : 'waiting';
    it(`says applied when a settlement to ${to} is repeated, and writes nothing`, async (t) => {
      const store = await open(t);
      await put(store, aNewTimer(t0));
      const timer = await claimOne(store);
      await store.begin([holdOf(timer)]);
      const settlement = { ...holdOf(timer), settlement: aSettlement(next) };
      assert.deepEqual(await store.settle([settlement, settlement]), ['applied', 'applied']);
      const settled = await store.get(timer.id);
      assert.deepEqual(await store.settle([settlement]), ['applied']);
      assert.deepEqual(await store.get(timer.id), settled);
      await checkLedger(store);
    });
  }

  it('calls another settlement of a settled timer lost', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const hold = holdOf(await claimOne(store));
    await store.settle([{ ...hold, settlement: aSettlement(ended('done')) }]);
    assert.deepEqual(
      await store.settle([
        { ...hold, settlement: aSettlement(ended('failed')) },
        { ...hold, settlement: aSettlement(ended('done', t0 + 2_001)) },
        { ...hold, settlement: aSettlement({ retryAt: t0 + 5_000 }) },
      ]),
      ['lost', 'lost', 'lost'],
    );
    assert.equal((await store.get(hold.id))!.ended!.status, 'done');
  });
}

function uncertainTests(open: OpenStore): void {
  it('keeps the mark of begin through a takeover, and with an uncertain timer', async (t) => {
    const store = await open(t);
    const { hold, timer } = await putUncertain(store);
    assert.equal(timer.begunClaim, hold.claim);
    assert.deepEqual(timer.ended, { status: 'uncertain', at: t0 + 7_000 });
    assert.equal(timer.attempts.length, 1);
  });

  for (const status of ['done', 'failed'] as const) {
    it(`resolves an uncertain timer to ${status} when its call's settlement comes late`, async (t) => {
      const store = await open(t);
      const { hold, timer } = await putUncertain(store);
      const settlement = aSettlement(ended(status));
      assert.deepEqual(await store.settle([{ ...hold, settlement }]), ['applied']);
      const { next, ...counted } = settlement;
      const resolved = { ...timer, ...counted, ...next, begunClaim: null, claim: timer.claim + 1 };
      assert.deepEqual(await store.get(timer.id), resolved);
      const counts = await checkLedger(store);
      assert.deepEqual([counts.uncertain, counts[status]], [0, 1]);

      assert.deepEqual(await store.settle([{ ...hold, settlement }]), ['applied'], 'a repetition');
      assert.deepEqual(await store.get(timer.id), resolved);
    });
  }

  it('puts an uncertain timer back to waiting when its call turns out to have been unsent', async (t) => {
    const store = await open(t);
    const { hold, timer } = await putUncertain(store);
    const settlement = aSettlement({ retryAt: t0 + 30_000 }, { outcome: 'unreachable', error: 'refused' });
    assert.deepEqual(await store.settle([{ ...hold, settlement }]), ['applied']);
    const { next: _, ...counted } = settlement;
    const waiting = { ...timer, ...counted, retryAt: t0 + 30_000, begunClaim: null, ended: null, claim: 3 };
    assert.deepEqual(await store.get(timer.id), waiting);
    assert.equal((await checkLedger(store)).waiting, 1);
    assert.equal((await claimOne(store, { horizonAt: t0 + 30_000 })).claim, 4);
  });

  it('calls a late settlement lost under any claim but the marked one', async (t) => {
    const store = await open(t);
    const { hold, timer } = await putUncertain(store);
    const settlement = aSettlement(ended('done'));
    const others = [hold.claim - 1, hold.claim + 1].map((claim) => ({ ...hold, claim, settlement }));
    assert.deepEqual(await store.settle(others), ['lost', 'lost']);
    assert.deepEqual(await store.get(timer.id), timer);
  });

  it('calls a late settlement lost while another holds the timer, and after a person has resolved it', async (t) => {
    const store = await open(t);
    const { hold, timer } = await putUncertain(store);
    const verdict = resolve(timer, 'failed', t0 + 8_000);
    assert.ok('after' in verdict);
    assert.equal(await store.change({ before: timer, after: verdict.after }), 'applied');
    const settlement = aSettlement(ended('done'));
    assert.deepEqual(await store.settle([{ ...hold, settlement }]), ['lost']);

    await put(store, aNewTimer(t0));
    const first = await claimOne(store);
    await store.begin([holdOf(first)]);
    await claimOne(store, { owner: 'two', expiredBy: t0 + 6_000 });
    assert.deepEqual(await store.settle([{ ...holdOf(first), settlement }]), ['lost']);
  });

  it("calls a client's change lost when a late settlement came before it", async (t) => {
    const store = await open(t);
    const { hold, timer } = await putUncertain(store);
    const verdict = retry(timer, t0 + 8_000);
    assert.ok('after' in verdict);
    await store.settle([{ ...hold, settlement: aSettlement(ended('done')) }]);
    assert.equal(await store.change({ before: timer, after: verdict.after }), 'lost');
    assert.equal((await store.get(timer.id))!.ended!.status, 'done');
  });
}

function changeTests(open: OpenStore): void {
  it('reschedules: the new due time and content count from then on', async (t) => {
    const store = await open(t);
    const [before] = await put(store, aNewTimer(t0, { dueAt: t0 + 1_000 }));
    const spec = aSpec({ url: 'https://new.example/', body: 'new', tags: ['new'] });
    const verdict = reschedule(before!, { dueAt: t0 + 8_000, spec });
    assert.ok('after' in verdict);
    assert.equal(await store.change({ before: before!, after: verdict.after }), 'applied');
    assert.deepEqual(await store.get(before!.id), { ...before, dueAt: t0 + 8_000, spec, claim: 1 });
    assert.deepEqual(await store.claim(aClaim({ horizonAt: t0 + 7_999 })), []);
    assert.equal((await store.claim(aClaim({ horizonAt: t0 + 8_000 }))).length, 1);
  });

  it('fires a timer between two attempts at once', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0));
    const held = await claimOne(store);
    await store.settle([{ ...holdOf(held), settlement: aSettlement({ retryAt: t0 + 60_000 }) }]);
    const before = (await store.get(held.id))!;
    const verdict = fire(before, t0 + 2_000);
    assert.ok('after' in verdict);
    assert.equal(await store.change({ before, after: verdict.after }), 'applied');
    assert.equal((await store.claim(aClaim({ horizonAt: t0 + 2_000 })))[0]!.timer.retryAt, t0 + 2_000);
  });

  it('cancels: the timer is ended and nobody claims it', async (t) => {
    const store = await open(t);
    const timer = await putEnded(store, 'cancelled');
    assert.deepEqual(timer.ended, { status: 'cancelled', at: t0 + 2_000 });
    assert.deepEqual(await store.claim(aClaim()), []);
    assert.equal((await checkLedger(store)).cancelled, 1);
  });

  for (const status of ['failed', 'uncertain'] as const) {
    it(`retries a ${status} timer: it comes back from the history, key and all`, async (t) => {
      const store = await open(t);
      const idempotency = { key: 'k', fingerprint: 'f' };
      const before = await putEnded(store, status, { idempotency, spec: aSpec({ body: 'kept', tags: ['kept'] }) });
      const verdict = retry(before, t0 + 9_000);
      assert.ok('after' in verdict);
      assert.equal(await store.change({ before, after: verdict.after }), 'applied');
      assert.deepEqual(await store.get(before.id), verdict.after);
      assert.equal((await checkLedger(store)).waiting, 1);
      assert.equal((await store.insert([aNewTimer(t0, { idempotency })]))[0]!.kind, 'existing');
      assert.deepEqual((await claimOne(store, { horizonAt: t0 + 9_000 })).spec, before.spec);
    });
  }

  it('resolves an uncertain timer: from one ended state to another', async (t) => {
    const store = await open(t);
    const before = await putEnded(store, 'uncertain');
    const verdict = resolve(before, 'done', t0 + 9_000);
    assert.ok('after' in verdict);
    assert.equal(await store.change({ before, after: verdict.after }), 'applied');
    assert.deepEqual(await store.get(before.id), verdict.after);
    const counts = await checkLedger(store);
    assert.deepEqual([counts.uncertain, counts.done], [0, 1]);
    assert.equal(await store.purge({ endedBefore: t0 + 9_000, limit: 10 }), 0, 'it ended anew');
  });

  it('applies one of two changes that were decided on the same reading', async (t) => {
    const store = await open(t);
    const [before] = await put(store, aNewTimer(t0));
    const [one, two] = [cancel(before!, t0), reschedule(before!, { dueAt: t0 + 9_000 })];
    assert.ok('after' in one && 'after' in two);
    const results = await Promise.all([one, two].map(({ after }) => store.change({ before: before!, after })));
    // Over several connections either may come first.
    assert.deepEqual(results.toSorted(), ['applied', 'lost']);
    const after = (await store.get(before!.id))!;
    const wasCancelled = results[0] === 'applied';
    assert.deepEqual(
      [after.ended?.status, after.dueAt],
      wasCancelled ? ['cancelled', before!.dueAt] : [undefined, t0 + 9_000],
    );
  });

  it('refuses a change while the timer is held, even under a lease that ran out', async (t) => {
    const store = await open(t);
    const [before] = await put(store, aNewTimer(t0));
    const verdict = cancel(before!, t0);
    assert.ok('after' in verdict);
    const held = await claimOne(store, { leaseUntil: t0 - 1_000 });
    assert.equal(await store.change({ before: before!, after: verdict.after }), 'lost');
    const after = { ...verdict.after, claim: held.claim + 1 };
    assert.equal(await store.change({ before: held, after }), 'lost');
    assert.equal(await store.change({ before: { ...held, lease: null }, after }), 'lost');
    assert.deepEqual(await store.get(held.id), held);
    assert.equal((await checkLedger(store)).cancelled, 0);
  });

  it('refuses a change that was decided before a claim, though the timer was let go since', async (t) => {
    const store = await open(t);
    const [before] = await put(store, aNewTimer(t0));
    const verdict = cancel(before!, t0);
    assert.ok('after' in verdict);
    const held = await claimOne(store);
    await store.release([{ ...holdOf(held), claimAt: t0 }]);
    assert.equal(await store.change({ before: before!, after: verdict.after }), 'lost');
    assert.equal(await store.change({ before: held, after: { ...verdict.after, claim: 2 } }), 'lost');
  });

  it('refuses a change of a timer that is not there', async (t) => {
    const store = await open(t);
    const before = await putEnded(store, 'cancelled');
    await store.purge({ endedBefore: t0 + 10_000, limit: 1 });
    assert.equal(await store.change({ before, after: { ...before, claim: 2 } }), 'lost');
    await checkLedger(store);
  });
}

function listTests(open: OpenStore, places: Places): void {
  /** Ten timers, one a second; the third and the eighth have ended. */
  async function tenTimers(store: Store): Promise<TimerId[]> {
    const news = Array.from({ length: 10 }, (_, index) => aNewTimer(t0 + index * 1_000));
    const timers = await put(store, ...news);
    for (const index of [2, 7]) {
      const verdict = cancel(timers[index]!, t0);
      assert.ok('after' in verdict);
      await store.change({ before: timers[index]!, after: verdict.after });
    }
    return timers.map(({ id }) => id).reverse();
  }

  it('lists open and ended timers in one order, newest first', async (t) => {
    const store = await open(t);
    const ids = await tenTimers(store);
    const page = await store.list(aQuery());
    assert.deepEqual(
      page.timers.map(({ id }) => id),
      ids,
    );
    assert.equal(page.next, null);
    assert.deepEqual(page.timers[2], summaryOf((await store.get(ids[2]!))!));
  });

  for (const limit of [1, 3, 5, 9, 10]) {
    it(`gives all timers once in pages of ${limit}`, async (t) => {
      const store = await open(t);
      const ids = await tenTimers(store);
      const { ids: listed, pages } = await listAll(store, aQuery({ limit }));
      assert.deepEqual(listed, ids);
      assert.equal(pages.length, Math.ceil(10 / limit));
    });
  }

  it('lists of a timer what is small, however large the rest is', async (t) => {
    const store = await open(t);
    const spec = aSpec({ method: 'PUT', headers: { a: 'b' }, body: 'x'.repeat(1_000), tags: ['red'] });
    await put(store, aNewTimer(t0, { spec, dueAt: t0 }));
    const [claimed] = await store.claim(aClaim());
    const settlement = { attempts: [anAttempt()], attemptsMade: 1, attemptsMax: 8, next: { retryAt: t0 } };
    const held = (await store.list(aQuery())).timers;
    assert.deepEqual(held, [summaryOf(claimed!.timer)]);
    await store.settle([{ ...holdOf(claimed!.timer), settlement }]);
    const [tried] = (await store.list(aQuery())).timers;
    assert.deepEqual(tried, {
      id: claimed!.timer.id,
      spec: { url: spec.url, method: 'PUT', tags: ['red'] },
      dueAt: t0,
      retryAt: t0,
      attemptsMade: 1,
      lease: null,
      ended: null,
    });
  });

  it('gives an empty page where there is nothing', async (t) => {
    const store = await open(t);
    assert.deepEqual(await store.list(aQuery()), { timers: [], next: null, missing: [] });
  });

  it('reads a bounded number of timers for a page, which may then be short or empty', async (t) => {
    const store = await open(t, { listRowsMax: 4 });
    const ids = await tenTimers(store);
    const { ids: listed, pages } = await listAll(store, aQuery({ status: 'cancelled' }));
    assert.deepEqual(listed, [ids[2], ids[7]]);
    assert.ok(pages.every(({ timers }) => timers.length <= 4));
    const all = await listAll(store, aQuery());
    assert.deepEqual(all.ids, ids);
    // How far a page gets that is put together from several places depends on where its timers are.
    const lengths = all.pages.map(({ timers }) => timers.length);
    if (places === 'one') assert.deepEqual(lengths, [4, 4, 2]);
  });

  it('filters by status, with executing told from waiting by the time of the attempt', async (t) => {
    const store = await open(t);
    const [soon, later] = await put(store, aNewTimer(t0, { dueAt: t0 }), aNewTimer(t0, { dueAt: t0 + 5_000 }));
    await store.claim(aClaim());
    const [free] = await put(store, aNewTimer(t0, { dueAt: t0 }));
    const ids = async (status: ListQuery['status']) => new Set((await listAll(store, aQuery({ status: status! }))).ids);
    assert.deepEqual(await ids('executing'), new Set([soon!.id]));
    assert.deepEqual(await ids('waiting'), new Set([later!.id, free!.id]));
    for (const status of ['done', 'failed', 'cancelled', 'uncertain'] as const) {
      const timer = await putEnded(store, status);
      assert.deepEqual(await ids(status), new Set([timer.id]));
    }
  });

  it('filters by destination, tag, due time and tenant, and by all of them together', async (t) => {
    const store = await open(t);
    const match = { spec: aSpec({ url: 'https://a.example/x', tags: ['red', 'big'] }), dueAt: t0 + 5_000 };
    const news: Record<string, NewTimer> = {
      right: aNewTimer(t0, match),
      port: aNewTimer(t0, { ...match, spec: aSpec({ url: 'https://a.example:8443/x', tags: ['red'] }) }),
      host: aNewTimer(t0, { ...match, spec: aSpec({ url: 'https://a.example.org/x', tags: ['red'] }) }),
      untagged: aNewTimer(t0, { ...match, spec: aSpec({ url: 'https://a.example/x', tags: ['reddish'] }) }),
      early: aNewTimer(t0, { ...match, dueAt: t0 + 4_999 }),
      late: aNewTimer(t0, { ...match, dueAt: t0 + 6_000 }),
      foreign: aNewTimer(t0, { ...match, tenant: 'other' }),
    };
    const timers = await put(store, ...Object.values(news));
    const names = new Map(timers.map(({ id }, index) => [id, Object.keys(news)[index]!]));
    const listed = async (change: Partial<ListQuery>) =>
      (await listAll(store, aQuery(change))).ids.map((id) => names.get(id));
    const without = async (change: Partial<ListQuery>) => {
      const found = new Set(await listed(change));
      return [...names.values()].filter((name) => !found.has(name));
    };
    assert.deepEqual(await without({}), ['foreign']);
    assert.deepEqual(await without({ destination: 'https://a.example' }), ['port', 'host', 'foreign']);
    assert.deepEqual(await without({ tag: 'red' }), ['untagged', 'foreign']);
    assert.deepEqual(await without({ dueFrom: t0 + 5_000 }), ['early', 'foreign']);
    assert.deepEqual(await without({ dueTo: t0 + 6_000 }), ['late', 'foreign']);
    const all = { destination: 'https://a.example', tag: 'red', dueFrom: t0 + 5_000, dueTo: t0 + 6_000, limit: 1 };
    assert.deepEqual(await listed(all), ['right']);
    assert.deepEqual(await listed({ tenant: 'other' }), ['foreign']);
  });
}

function purgeTests(open: OpenStore): void {
  it('deletes what ended before the moment given, at most as many as said, and counts them', async (t) => {
    const store = await open(t);
    await put(store, ...Array.from({ length: 6 }, (_, index) => aNewTimer(t0, { dueAt: t0 + index })));
    const claimed = await store.claim(aClaim({ limit: 5 }));
    const settlements = claimed.map(({ timer }, index) => ({
      ...holdOf(timer),
      settlement: aSettlement(ended(index === 0 ? 'failed' : 'done', t0 + index)),
    }));
    await store.settle(settlements);
    assert.equal(await store.purge({ endedBefore: t0 + 4, limit: 3 }), 3);
    const kept = async () =>
      (await Promise.all(claimed.map(({ timer }) => store.get(timer.id)))).filter((timer) => timer !== undefined);
    assert.equal((await kept()).length, 2);
    assert.equal(await store.purge({ endedBefore: t0 + 4, limit: 3 }), 1);
    assert.equal(await store.purge({ endedBefore: t0 + 4, limit: 3 }), 0);
    assert.deepEqual(
      (await kept()).map((timer) => timer.ended!.at),
      [t0 + 4],
    );
    const { accepted, waiting, done, failed, purged } = await checkLedger(store);
    assert.deepEqual(
      { accepted, waiting, done, failed, purged },
      { accepted: 6, waiting: 1, done: 1, failed: 0, purged: 4 },
    );
  });
}

function countTests(open: OpenStore): void {
  it('starts with nothing', async (t) => {
    const store = await open(t);
    assert.deepEqual(await checkLedger(store), {
      accepted: 0,
      waiting: 0,
      executing: 0,
      done: 0,
      failed: 0,
      cancelled: 0,
      uncertain: 0,
      purged: 0,
      oldestOverdueAt: null,
      overdue: 0,
      missing: [],
    });
  });

  it('counts a held timer as executing from the moment at which its attempt is due', async (t) => {
    const store = await open(t);
    await put(store, aNewTimer(t0, { dueAt: t0 + 500 }), aNewTimer(t0, { dueAt: t0 + 800 }));
    await store.claim(aClaim({ horizonAt: t0 + 500 }));
    const at = async (ms: number) => {
      const { executing, waiting } = await checkLedger(store, t0 + ms);
      return [executing, waiting];
    };
    assert.deepEqual(await at(499), [0, 2]);
    assert.deepEqual(await at(500), [1, 1]);
    assert.deepEqual(await at(900), [1, 1]);
  });
}

function controllerTests(open: OpenStore): void {
  it('remembers which controllers were alive since when, and forgets those that were not', async (t) => {
    const store = await open(t);
    const beat = (owner: string, at: number) =>
      store.beat({ controller: { owner, startedAt: t0 }, nowMs: t0 + at, forgetBefore: t0 + at - 10_000 });
    await beat('b', 0);
    await beat('a', 1_000);
    await beat('b', 2_000);
    const seen = (owner: string, at: number) => ({ owner, startedAt: t0, seenAt: t0 + at });
    assert.deepEqual(await store.controllers(t0), [seen('a', 1_000), seen('b', 2_000)]);
    assert.deepEqual(await store.controllers(t0 + 1_001), [seen('b', 2_000)]);
    await beat('b', 12_000);
    assert.deepEqual(await store.controllers(t0), [seen('b', 12_000)]);
  });
}
