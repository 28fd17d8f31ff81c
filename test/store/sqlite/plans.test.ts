import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { migrate } from '../../../src/store/sqlite/migrate.ts';
import { readStatements, writeStatements } from '../../../src/store/sqlite/statements.ts';

const database = new DatabaseSync(':memory:');
migrate(database, { path: 'memory', applicationId: 1 });

function planOf(sql: string): string[] {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map(({ detail }) => String(detail));
}

describe('every statement of the SQLite engine goes through an index', () => {
  for (const [name, sql] of Object.entries({ ...writeStatements, ...readStatements })) {
    it(name, () => {
      const plan = planOf(sql);
      assert.ok(!plan.some((step) => /SCAN|TEMP B-TREE/.test(step)), plan.join('; '));
      const insertsAlone = sql.startsWith('INSERT') && !sql.includes('SELECT');
      if (!insertsAlone) assert.match(plan.join('; '), /USING (COVERING )?(INDEX|PRIMARY KEY|INTEGER PRIMARY KEY)/);
    });
  }
});

it('counting what is overdue reads the index alone', () => {
  assert.match(planOf(readStatements.countOverdue).join(), /COVERING INDEX timers_free \(bucket=\? AND claim_at<\?\)/);
});

it('a rule that forbids scans notices one', () => {
  assert.match(planOf('SELECT * FROM timers WHERE due_at = 1').join(), /SCAN/);
  assert.match(join(...planOf('SELECT * FROM timers WHERE bucket = 0 ORDER BY url')), /TEMP B-TREE/);
});
