import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import * as changes from '../../../src/store/mysql/statements/changes.ts';
import * as claims from '../../../src/store/mysql/statements/claims.ts';
import * as controllers from '../../../src/store/mysql/statements/controllers.ts';
import * as holds from '../../../src/store/mysql/statements/holds.ts';
import * as inserts from '../../../src/store/mysql/statements/inserts.ts';
import * as ledger from '../../../src/store/mysql/statements/ledger.ts';
import * as reads from '../../../src/store/mysql/statements/reads.ts';
import * as settling from '../../../src/store/mysql/statements/settling.ts';
import { idToBytes, newTimerId } from '../../../src/timer/id.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { t0 } from '../conformance.ts';
import { type Ask, connectTo, openStore, unavailable } from './scratch.ts';

/** What a plan says of one table. */
interface TableStep {
  readonly table_name: string;
  readonly access_type: string;
  readonly key?: string;
  readonly used_key_parts?: readonly string[];
}

const random = seededRandom(7);
const ids = Array.from({ length: 200 }, () => newTimerId(t0, random, { shard: 0, bucketByte: 1 }));
const bytes = ids.map(idToBytes);
/** One that is there. */
const id = hash('md5', '1', 'buffer');
const given = ids.map((each) => [each.replaceAll('-', ''), 1, 1, 8, null, t0, 'done'] as const);
const names = ['a', 'b', 'c'].map((key) => ({ tenant: 'default', key }));
const late = { made: 1, max: 8, attempts: null, at: t0 };

/** The columns of its index by which a statement must find its rows. */
const byId = ['bucket', 'id'];
const byKey = ['bucket', 'tenant', 'key'];
const bySeq = ['bucket', 'seq'];
const byTime = ['bucket', 'held', 'claim_at'];
const byEnd = ['bucket', 'ended_at'];

/** Every statement that looks for rows, with parameters as they come, and how it must find them; those that only insert look for none. */
const statements: Readonly<Record<string, readonly [sql: string, parts: readonly string[]]>> = {
  storedTimers: [inserts.storedTimers(1, bytes), byId],
  findKeys: [inserts.findKeys(1, names), byKey],
  findClaimable: [claims.findClaimable(1, { held: 0, by: t0, limit: 500 }), byTime],
  takeTimers: [claims.takeTimers(1, bytes), byId],
  claim: [claims.claim(1, given, { owner: 'one', until: t0 }), byId],
  findHolders: [claims.findHolders(1, bytes), byId],
  lockTimers: [holds.lockTimers(1, bytes), byId],
  begin: [holds.begin(1, 'one', given), byId],
  extend: [holds.extend(1, 'one', given, t0), byId],
  release: [holds.release(1, 'one', given), byId],
  settleEnded: [settling.settleEnded(1, 'one', given), byId],
  deleteTimers: [settling.deleteTimers(1, 'one', given), byId],
  settleWaiting: [settling.settleWaiting(1, 'one', given), byId],
  settledOpen: [settling.settledOpen(1, bytes), byId],
  settledEnded: [settling.settledEnded(1, bytes), byId],
  settleLateWaiting: [settling.settleLateWaiting(1, id, late), byId],
  settleLateEnded: [settling.settleLateEnded(1, id, { ...late, status: 'done' }), byId],
  takeOpen: [changes.takeOpen(1, id, 1), byId],
  takeEnded: [changes.takeEnded(1, id, 1, 'done'), byId],
  purgeable: [changes.purgeable(1, t0, 500), byEnd],
  deleteEnded: [changes.deleteEnded(1, bytes), byId],
  deleteKeys: [changes.deleteKeys(1, names), byKey],
  foldable: [ledger.foldable(1, 500), ['bucket']],
  deleteFolded: [ledger.deleteFolded(1, bytes), bySeq],
  getTimers: [reads.getTimers(1, bytes), byId],
  listOpen: [reads.listOpen(1, id, 500), byId],
  listEnded: [reads.listEnded(1, id, 500), byId],
  sumLedger: [reads.sumLedger(1), ['bucket']],
  countExecuting: [reads.countExecuting(1, t0), ['bucket', 'held']],
  countOverdue: [reads.countOverdue(1, t0), byTime],
  auditOpen: [reads.auditOpen(1), ['bucket']],
  auditEnded: [reads.auditEnded(1), ['bucket']],
  forgetControllers: [controllers.forgetControllers(t0), ['owner']],
  findControllers: [controllers.findControllers(t0), ['owner']],
};

const modules = { inserts, claims, holds, settling, changes, ledger, reads, controllers };
const insertsAlone = ['insertTimers', 'insertKeys', 'insertOpen', 'insertEnded', 'addToLedger', 'beat', 'tellTime'];

/** Fills each table with `count` rows, a quarter of them in each of four buckets. */
async function fill(ask: Ask, count: number): Promise<void> {
  await ask(`CREATE TEMPORARY TABLE numbers (n INT NOT NULL PRIMARY KEY)`);
  for (let at = 0; at < count; at += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, count - at) }, (_, n) => `(${at + n})`);
    await ask(`INSERT INTO numbers VALUES ${rows.join()}`);
  }
  const columns = 'bucket, id, tenant, `key`, due_at, claim, attempts_made, attempts_max, url';
  const values = `n MOD 4, UNHEX(MD5(n)), 'default', NULL, ${t0} + n, 1, 1, 8, 'http://127.0.0.1/'`;
  await ask(
    `INSERT INTO timers (${columns}, claim_at, held, owner, spec_bytes)
      SELECT ${values}, ${t0} + n, n MOD 8 = 0, IF(n MOD 8 = 0, 'one', NULL), 17 FROM numbers`,
    `INSERT INTO history (${columns}, ended_at, status) SELECT ${values}, ${t0} + n, 'done' FROM numbers`,
    `INSERT INTO \`keys\` SELECT n MOD 4, 'default', n, UNHEX(MD5(n)), 'f', ${t0} FROM numbers`,
    'INSERT INTO ledger SELECT n MOD 4, UNHEX(MD5(n)), 1, 1, 0, 0, 0, 0, 0 FROM numbers',
    `INSERT INTO controllers SELECT n, ${t0}, ${t0} FROM numbers WHERE n < 5`,
    'ANALYZE TABLE timers, history, `keys`, ledger, controllers',
  );
}

/** What the plan says of the tables of the store, and whether it sorts or keeps rows aside. */
async function planOf(ask: Ask, sql: string): Promise<{ tables: TableStep[]; sorts: boolean; text: string }> {
  const [row] = await ask(`EXPLAIN FORMAT=JSON ${sql}`);
  const text = (row![0] as string).replaceAll(/X'\w+',/g, '');
  const tables: TableStep[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('table_name' in node && 'access_type' in node) tables.push(node as TableStep);
    for (const child of Object.values(node)) visit(child);
  };
  visit(JSON.parse(text));
  const named = tables.filter(({ table_name }) => !/^(given|<)/.test(table_name));
  return { tables: named, sorts: /filesort(?!": false)|"temporary_table"/.test(text), text };
}

for (const count of [40, 4_000]) {
  describe(`with ${count} rows, every statement of the MySQL engine goes through an index`, {
    skip: unavailable,
  }, () => {
    const cleanups: (() => void | Promise<void>)[] = [];
    const context = { after: (clean: () => void | Promise<void>) => void cleanups.push(clean) };
    let ask: Ask;

    before(async () => {
      const url = await freshDatabase('mysql', context);
      await openStore(context, { url, buckets: 4 });
      ask = await connectTo(context, url);
      await fill(ask, count);
    });

    after(async () => {
      for (const clean of cleanups) await clean();
    });

    for (const [name, [sql, parts]] of Object.entries(statements)) {
      it(name, async () => {
        const { tables, sorts, text } = await planOf(ask, sql);
        assert.ok(tables.length > 0, text);
        for (const { access_type, used_key_parts } of tables) {
          assert.ok(['range', 'ref', 'eq_ref', 'const'].includes(access_type), text);
          assert.deepEqual(used_key_parts, parts, text);
        }
        assert.equal(sorts, false, text);
      });
    }

    it('counting what is overdue reads the index alone', async () => {
      assert.match((await planOf(ask, reads.countOverdue(1, t0))).text, /"using_index": true/);
      assert.match((await planOf(ask, reads.countExecuting(1, t0))).text, /"using_index": true/);
    });

    it('a rule that forbids scans and sorting notices them', async () => {
      const scan = await planOf(ask, 'SELECT * FROM timers WHERE due_at = 1');
      assert.equal(scan.tables[0]!.access_type, 'ALL');
      const sort = await planOf(ask, 'SELECT * FROM timers WHERE bucket = 1 ORDER BY url');
      assert.equal(sort.sorts, true);
    });
  });
}

it('no statement is left out', () => {
  const names = Object.values(modules).flatMap((module) => Object.keys(module));
  assert.deepEqual(new Set(names), new Set([...Object.keys(statements), ...insertsAlone]));
});
