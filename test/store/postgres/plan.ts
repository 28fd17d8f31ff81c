import type { Client } from 'pg';

/** A step of a plan as `EXPLAIN (FORMAT JSON)` gives it; as much as the rules below look at. */
export interface Plan {
  readonly 'Node Type': string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly Plans?: readonly Plan[];
}

/** A step, and the types of the steps above it within the same query, the outermost first. */
export interface Step {
  readonly plan: Plan;
  readonly above: readonly string[];
}

/** The columns of each index, by its name. */
export type Indexes = ReadonlyMap<string, readonly string[]>;

/** The tables that carry work, and may grow large. */
const carrying: ReadonlySet<string> = new Set(['timers', 'history', 'keys', 'ledger']);

/** All steps of a plan. What a query computes beforehand (CTEs, sub-selects) counts as a query of its own. */
export function stepsOf(plan: Plan, above: readonly string[] = []): Step[] {
  const below = (plan.Plans ?? []).flatMap((child) => {
    const isOwnQuery = child['Parent Relationship'] === 'InitPlan' || child['Parent Relationship'] === 'SubPlan';
    return stepsOf(child, isOwnQuery ? [] : [...above, plan['Node Type']]);
  });
  return [{ plan, above }, ...below];
}

/** The steps that read a table which may grow large. */
export function scansOf(plan: Plan): Step[] {
  return stepsOf(plan).filter(({ plan: { 'Relation Name': table, 'Node Type': type } }) => {
    return table !== undefined && carrying.has(table) && type !== 'ModifyTable';
  });
}

/**
 * What is wrong with a plan by the rules of the engine: rows of large tables are found by an index whose first columns are all known, the
 * bucket among them; they are not sorted before a limit has cut them, nor looked through once for each row of something else.
 */
export function faultsOf(plan: Plan, indexes: Indexes): string[] {
  return scansOf(plan).flatMap((step) => [...scanFaults(step.plan, indexes), ...placeFaults(step)]);
}

function scanFaults(scan: Plan, indexes: Indexes): string[] {
  const what = `${scan['Node Type']} on ${scan['Relation Name']}`;
  const { 'Index Name': index, 'Index Cond': condition = '' } = scan;
  if (!['Index Scan', 'Index Only Scan'].includes(scan['Node Type']) || index === undefined) return [what];
  const known = new Set([...condition.matchAll(/\((\w+) [<>=]+ /g)].map(([, column]) => column!));
  const first = (indexes.get(index) ?? []).slice(0, known.size);
  const faults = first.every((column) => known.has(column)) ? [] : [`${what}: ${index} knows ${[...known]} alone`];
  return namesBucket(condition) ? faults : [...faults, `${what}: no bucket`];
}

function placeFaults({ plan, above }: Step): string[] {
  const since = (cut: string) => above.slice(above.lastIndexOf(cut) + 1);
  const faults: string[] = [];
  if (since('Limit').some((type) => type.includes('Sort')))
    faults.push(`${plan['Relation Name']} is sorted as a whole`);
  if (since('Aggregate').includes('Nested Loop')) faults.push(`${plan['Relation Name']} is in a nested loop`);
  return faults;
}

/** Whether an index condition is about one bucket. */
export function namesBucket(condition: string | undefined): boolean {
  return /\(bucket = /.test(condition ?? '');
}

/** The plan that a prepared statement gets without looking at its values. */
export async function genericPlan(client: Client, sql: string): Promise<Plan> {
  await client.query(`PREPARE explained AS ${sql}`);
  const count = Math.max(0, ...Array.from(sql.matchAll(/\$(\d+)/g), ([, number]) => Number(number)));
  const values = count === 0 ? '' : `(${Array(count).fill('NULL').join(', ')})`;
  try {
    return await explain(client, `EXECUTE explained${values}`, []);
  } finally {
    await client.query('DEALLOCATE explained');
  }
}

/** The plan that a statement gets for these very values. */
export function explain(client: Client, sql: string, values: readonly unknown[]): Promise<Plan> {
  return client
    .query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (FORMAT JSON) ${sql}`, [...values])
    .then(({ rows }) => rows[0]!['QUERY PLAN'][0].Plan);
}

/** The columns of all indexes of the database's own tables. */
export async function indexesOf(client: Client): Promise<Indexes> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(`
    SELECT i.indexrelid::regclass::text AS name, array_agg(a.attname::text ORDER BY k.n) AS columns
    FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid >= 16384 GROUP BY i.indexrelid`);
  return new Map(rows.map(({ name, columns }) => [name, columns]));
}
