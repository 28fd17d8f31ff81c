import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ApiDeps } from '../../src/api/deps.ts';
import type { Counts, Store } from '../../src/store/store.ts';
import { assertProblem, Harness } from './harness.ts';

describe('what operators ask', () => {
  let api: Harness;
  beforeEach(async () => {
    api = await Harness.start();
  });
  afterEach(() => api.stop());

  /** A server over a store whose numbers are made up; each call takes the next one, the last stays. */
  async function withNumbers(
    ledger: Partial<Counts>[],
    counted: Partial<Counts> | Partial<Counts>[] = {},
    change: Partial<ApiDeps> = {},
  ): Promise<Harness> {
    const whole = (change: Partial<Counts>): Counts => ({
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
      ...change,
    });
    const counts = [counted].flat();
    const next = (numbers: Partial<Counts>[]) => whole((numbers.length > 1 ? numbers.shift() : numbers[0]) ?? {});
    const store = {
      controllers: async () => [],
      counts: async () => next(ledger),
      audit: async () => next(counts),
    };
    return Harness.start({ store: store as Partial<Store> as Store, ...change });
  }

  describe('GET /stats', () => {
    it('counts every timer in exactly one state, and what is overdue', async () => {
      await api.create({ delay: '1s' });
      await api.create({ delay: '2s' });
      await api.post(`/timers/${await api.create()}/cancel`);
      await api.clock.advance(5_000);
      const answer = await api.get('/stats');
      assert.deepEqual(answer.json(), {
        accepted: 3,
        waiting: 2,
        executing: 0,
        done: 0,
        failed: 0,
        cancelled: 1,
        uncertain: 0,
        purged: 0,
        identity_holds: true,
        overdue: 2,
        oldest_overdue_at: '2026-01-01T00:00:01.000Z',
        lateness_ms: null,
        rates: null,
        controllers: [],
        missing_shards: [],
        shards: null,
      });
    });

    it('names the controllers that were alive within the last ten seconds', async () => {
      const startedAt = api.clock.now() - 5_000;
      const beat = (owner: string) =>
        api.store.beat({ controller: { owner, startedAt }, nowMs: api.clock.now(), forgetBefore: 0 });
      await beat('dead');
      await api.clock.advance(1);
      await beat('alive');
      await api.clock.advance(10_000);
      assert.deepEqual((await api.get('/stats')).json().controllers, [
        { owner: 'alive', started_at: '2025-12-31T23:59:55.000Z', seen_at: '2026-01-01T00:00:00.001Z' },
      ]);
    });

    it('shows how the databases are, and which of them it has no numbers of', async () => {
      const shards = [
        { number: 0, up: true, draining: true },
        { number: 2, up: false, draining: false },
      ];
      const other = await withNumbers(
        [{ missing: [2] }],
        {},
        { shards: () => shards.map((one) => ({ ...one, downForMs: 5 })) },
      );
      const stats = (await other.get('/stats')).json();
      assert.deepEqual(stats.shards, shards);
      assert.deepEqual(stats.missing_shards, [2]);
      await other.app.close();
    });

    it('says so when the numbers do not add up', async () => {
      const whole = {
        accepted: 28,
        waiting: 1,
        executing: 2,
        done: 3,
        failed: 4,
        cancelled: 5,
        uncertain: 6,
        purged: 7,
      };
      for (const [numbers, holds] of [
        [whole, true],
        [{ ...whole, accepted: 29 }, false],
        [{ ...whole, purged: 6 }, false],
      ] as const) {
        const other = await withNumbers([numbers]);
        assert.equal((await other.get('/stats')).json().identity_holds, holds);
        await other.app.close();
      }
    });

    it('shows what this process measures', async () => {
      const lateness = { count: 4, p50: 0.5, p90: 1, p99: 2, max: 2.5 };
      const rates = { created: 3.5, fired: 4 };
      const other = await Harness.start({ measures: { lateness: () => lateness, rates: () => rates } });
      const stats = (await other.get('/stats')).json();
      assert.deepEqual(stats.lateness_ms, lateness);
      assert.deepEqual(stats.rates, rates);
      await other.stop();
    });

    it('counts anew and compares on demand', async () => {
      await api.create();
      const { audit } = (await api.get('/stats?audit=true')).json();
      assert.equal(audit.accepted, 1);
      assert.equal(audit.waiting, 1);
      assert.equal(audit.equal, true);
      assert.equal((await api.get('/stats?audit=false')).json().audit, undefined);
      assertProblem(await api.get('/stats?audit=maybe'), 400, 'invalid_request');
    });

    it('tells a ledger that is wrong from one that changes while it is compared', async () => {
      const wrong = await withNumbers([{ accepted: 2 }], { accepted: 1 });
      assert.equal((await wrong.get('/stats?audit=true')).json().audit.equal, false);
      await wrong.app.close();
      const busy = await withNumbers(
        Array.from({ length: 10 }, (_, i) => ({ accepted: i + 2 })),
        { accepted: 1 },
      );
      assert.equal((await busy.get('/stats?audit=true')).json().audit.equal, null);
      await busy.app.close();
      // The first number goes to /stats itself; the ledger is read before the count and after it.
      for (const moving of [
        [0, 5, 6, 7, 8, 9, 10],
        [0, 4, 5, 6, 7, 8, 9],
      ]) {
        const moved = await withNumbers(
          moving.map((accepted) => ({ accepted })),
          { accepted: 5 },
        );
        assert.equal((await moved.get('/stats?audit=true')).json().audit.equal, true);
        await moved.app.close();
      }
    });
  });

  it('GET /stats takes a timer that goes and comes back while it is counted for no defect', async () => {
    // One that failed is retried, and fails again at once: the ledger is the same before the count and after it.
    const [still, retried] = [
      { accepted: 1, failed: 1 },
      { accepted: 1, waiting: 1 },
    ];
    const audited = async (...counts: Partial<Counts>[]) => {
      const other = await withNumbers([still], counts);
      const { audit } = (await other.get('/stats?audit=true')).json();
      await other.app.close();
      return audit.equal;
    };
    assert.equal(await audited(retried, still), true);
    assert.equal(
      await audited(retried, { accepted: 1, executing: 1 }, retried),
      null,
      'it differs in another way each time',
    );
    assert.equal(await audited(retried), false);
  });

  it('GET /stats does not compare the numbers of different databases', async () => {
    const [all, some] = [{ accepted: 3 }, { accepted: 2, missing: [1] }];
    const audited = async (ledger: Partial<Counts>[], counted: Partial<Counts>) => {
      // The first number goes to /stats itself.
      const other = await withNumbers([all, ...ledger], counted);
      const { audit } = (await other.get('/stats?audit=true')).json();
      await other.app.close();
      return audit.equal;
    };
    assert.equal(await audited([all], some), null, 'it was missing only while the timers were counted');
    assert.equal(await audited([all], { ...all, missing: [1] }), null);
    assert.equal(await audited([some, all], some), true, 'it came back');
    assert.equal(await audited([some], some), true);
    assert.equal(await audited([some], { ...some, accepted: 1 }), false);
  });

  it('GET /healthz answers 200 while the process lives, whatever else is wrong', async () => {
    api.readiness = { ready: false, reasons: ['the store does not answer'] };
    const answer = await api.get('/healthz');
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.json(), { status: 'alive', version: '0.0.0' });
  });

  it('GET /readyz says whether requests should come here, and why not', async () => {
    const ready = await api.get('/readyz');
    assert.equal(ready.statusCode, 200);
    assert.deepEqual(ready.json(), { ready: true, reasons: [] });
    api.readiness = { ready: false, reasons: ['the store does not answer'] };
    const unready = await api.get('/readyz');
    assert.equal(unready.statusCode, 503);
    assert.deepEqual(unready.json(), api.readiness);
  });

  it('GET /metrics gives the text that Prometheus reads', async () => {
    const answer = await api.get('/metrics');
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(answer.body, 'punctual_up 1\n');
  });
});
