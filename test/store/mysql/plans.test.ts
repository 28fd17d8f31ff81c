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
const late = { made: 1, max: 8, attempts: null, at: t0 };

/** Every statement that looks for rows, with parameters as they come; those that only insert look for none. */
const statements: Readonly<Record<string, string>> = {
  storedTimers: inserts.storedTimers(1, bytes),
  findKeys: inserts.findKeys(1, 'default', ['a', 'b', 'c']),
  findClaimable: claims.findClaimable(1, { held: 0, by: t0, limit: 500 }),
  lockClaimable: claims.lockClaimable(1, { held: 1, by: t0, limit: 500 }),
  takeTimers: claims.takeTimers(1, bytes),
  claim: claims.claim(1, given, { owner: 'one', until: t0 }),
  findHolders: claims.findHolders(1, bytes),
  lockTimers: holds.lockTimers(1, bytes),
  begin: holds.begin(1, 'one', given),
  extend: holds.extend(1, 'one', given, t0),
  release: holds.release(1, 'one', given),
  settleEnded: settling.settleEnded(1, given),
  deleteTimers: settling.deleteTimers(1, bytes),
  settleWaiting: settling.settleWaiting(1, given),
  settledOpen: settling.settledOpen(1, bytes),
  settledEnded: settling.settledEnded(1, bytes),
  settleLateWaiting: settling.settleLateWaiting(1, id, late),
  settleLateEnded: settling.settleLateEnded(1, id, { ...late, status: 'done' }),
  takeOpen: changes.takeOpen(1, id, 1),
  takeEnded: changes.takeEnded(1, id, 1, 'done'),
  purgeable: changes.purgeable(1, t0, 500),
  deleteEnded: changes.deleteEnded(1, bytes),
  deleteKeys: changes.deleteKeys(1, 'default', ['a', 'b', 'c']),
  foldable: ledger.foldable(1, 500),
  deleteFolded: ledger.deleteFolded(1, bytes),
  getTimer: reads.getTimer(1, id),
  listOpen: reads.listOpen(1, id, 500),
  listEnded: reads.listEnded(1, id, 500),
  sumLedger: reads.sumLedger(1),
  countExecuting: reads.countExecuting(1, t0),
  countOverdue: reads.countOverdue(1, t0),
  auditOpen: reads.auditOpen(1),
  auditEnded: reads.auditEnded(1),
  forgetControllers: controllers.forgetControllers(t0),
  findControllers: controllers.findControllers(t0),
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

    for (const [name, sql] of Object.entries(statements)) {
      it(name, async () => {
        const { tables, sorts, text } = await planOf(ask, sql);
        assert.ok(tables.length > 0, text);
        for (const { table_name, access_type, key, used_key_parts } of tables) {
          assert.ok(['range', 'ref', 'eq_ref', 'const'].includes(access_type), text);
          assert.ok(key, text);
          if (table_name !== 'controllers') assert.equal(used_key_parts?.[0], 'bucket', text);
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
