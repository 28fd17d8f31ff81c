import type { DatabaseSync, StatementSync } from 'node:sqlite';

// Every statement of the engine but the migrations and PRAGMAs. A file has one bucket, 0, which each statement names all the same. The
// writer's transaction is the only one that writes, so statements lock nothing against each other; readers never wait (WAL).

const openColumns = `id, tenant, key, due_at, retry_at, claim_at, owner, claim, begun, attempts_made, attempts_max,
  url, attempts, spec, body, NULL`;

const endedColumns = `id, tenant, key, due_at, retry_at, ended_at, NULL, claim, begun, attempts_made, attempts_max,
  url, attempts, spec, body, status`;

// keys' primary key, one row. Both threads ask it.
const findKey = 'SELECT id, fingerprint, due_at FROM keys WHERE bucket = 0 AND tenant = ? AND key = ?';

/** The writer's statements, most of them hot. Parameters in the order in which they appear. */
export const writeStatements = {
  findKey,

  // keys' primary key, one row.
  insertKey: 'INSERT INTO keys (bucket, tenant, key, id, fingerprint, due_at) VALUES (0, ?, ?, ?, ?, ?)',

  // keys' primary key, one row.
  deleteKey: 'DELETE FROM keys WHERE bucket = 0 AND tenant = ? AND key = ?',

  // timers' primary key, at its end (ids grow), and timers_free.
  insertNew: `INSERT INTO timers (bucket, id, tenant, key, due_at, claim_at, claim, attempts_made, attempts_max, url, spec, body)
    VALUES (0, ?1, ?2, ?3, ?4, ?4, 0, 0, ?5, ?6, ?7, ?8)`,

  // timers' primary key and timers_free. Columns as in a TimerRow, owner and status aside.
  insertOpen: `INSERT INTO timers (bucket, id, tenant, key, due_at, retry_at, claim_at, claim, begun, attempts_made, attempts_max,
      url, attempts, spec, body)
    VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,

  // history's primary key and history_ended. Columns as in a TimerRow, the owner aside.
  insertEnded: `INSERT INTO history (bucket, id, tenant, key, due_at, retry_at, ended_at, claim, begun, attempts_made, attempts_max,
      url, attempts, spec, body, status)
    VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,

  // timers' primary key, one row; timers_free.
  takeOpen: 'DELETE FROM timers WHERE bucket = 0 AND id = ? AND claim = ? AND owner IS NULL',

  // history's primary key, one row; history_ended.
  takeEnded: 'DELETE FROM history WHERE bucket = 0 AND id = ? AND claim = ? AND status = ?',

  // Walks timers_free in order, and is stopped by its reader: it touches no row that is not taken, but one.
  claimableFree: `SELECT ${openColumns} FROM timers INDEXED BY timers_free
    WHERE bucket = 0 AND owner IS NULL AND claim_at <= ? ORDER BY claim_at, id`,

  // Walks timers_held in order, and is stopped by its reader.
  claimableHeld: `SELECT ${openColumns} FROM timers INDEXED BY timers_held
    WHERE bucket = 0 AND owner IS NOT NULL AND claim_at <= ? ORDER BY claim_at, id`,

  // timers' primary key, one row; moves it to timers_held. What is claimed was read in the same transaction, so nothing is compared.
  claim: 'UPDATE timers SET owner = ?, claim_at = ?, claim = claim + 1 WHERE bucket = 0 AND id = ?',

  // timers' primary key, one row.
  begin: 'UPDATE timers SET begun = claim WHERE bucket = 0 AND id = ? AND owner = ? AND claim = ?',

  // timers' primary key, one row; timers_held.
  extend: 'UPDATE timers SET claim_at = ? WHERE bucket = 0 AND id = ? AND owner = ? AND claim = ?',

  // timers' primary key, one row; moves it to timers_free.
  release: `UPDATE timers SET owner = NULL, begun = NULL, claim_at = ?
    WHERE bucket = 0 AND id = ? AND owner = ? AND claim = ?`,

  // timers' primary key, one row; moves it to timers_free.
  settleWaiting: `UPDATE timers SET owner = NULL, begun = NULL, attempts_made = ?1, attempts_max = ?2, attempts = ?3,
      claim_at = ?4, retry_at = ?4
    WHERE bucket = 0 AND id = ?5 AND owner = ?6 AND claim = ?7`,

  // Reads timers' primary key, one row; writes history's and history_ended. The body is copied inside the database.
  settleEnded: `INSERT INTO history (bucket, id, tenant, key, due_at, retry_at, claim, begun, attempts_made, attempts_max,
      status, ended_at, url, attempts, spec, body)
    SELECT bucket, id, tenant, key, due_at, retry_at, claim, iif(?4 = 'uncertain', begun, NULL), ?1, ?2,
      ?4, ?5, url, ?3, spec, body
    FROM timers WHERE bucket = 0 AND id = ?6 AND owner = ?7 AND claim = ?8`,

  // timers' primary key, one row; its index.
  deleteOpen: 'DELETE FROM timers WHERE bucket = 0 AND id = ?',

  // history's primary key, one row; history_ended.
  deleteEnded: 'DELETE FROM history WHERE bucket = 0 AND id = ?',

  // timers' primary key, one row.
  settledWaiting: `SELECT 1 FROM timers WHERE bucket = 0 AND id = ? AND owner IS NULL
    AND attempts_made = ? AND attempts_max = ? AND attempts IS ? AND retry_at = ?`,

  // history's primary key, one row.
  settledEnded: `SELECT 1 FROM history WHERE bucket = 0 AND id = ?
    AND attempts_made = ? AND attempts_max = ? AND attempts IS ? AND status = ? AND ended_at = ?`,

  // Reads history's primary key, one row; writes timers' and timers_free.
  settleLateWaiting: `INSERT INTO timers (bucket, id, tenant, key, due_at, retry_at, claim_at, claim, attempts_made, attempts_max,
      url, attempts, spec, body)
    SELECT bucket, id, tenant, key, due_at, ?4, ?4, claim + 1, ?1, ?2, url, ?3, spec, body
    FROM history WHERE bucket = 0 AND id = ?5 AND status = 'uncertain' AND begun = ?6`,

  // history's primary key, one row; history_ended.
  settleLateEnded: `UPDATE history SET attempts_made = ?1, attempts_max = ?2, attempts = ?3, status = ?4, ended_at = ?5,
      claim = claim + 1, begun = iif(?4 = 'uncertain', begun, NULL)
    WHERE bucket = 0 AND id = ?6 AND status = 'uncertain' AND begun = ?7`,

  // Walks history_ended from its old end.
  purgeable: `SELECT id, tenant, key, status FROM history INDEXED BY history_ended
    WHERE bucket = 0 AND ended_at < ? ORDER BY ended_at, id LIMIT ?`,

  // ledger's primary key, the one row.
  addToLedger: `UPDATE ledger SET accepted = accepted + ?, open = open + ?, done = done + ?, failed = failed + ?,
    cancelled = cancelled + ?, uncertain = uncertain + ?, purged = purged + ? WHERE bucket = 0`,

  // controllers' primary key, one row.
  beat: `INSERT INTO controllers (owner, started_at, seen_at) VALUES (?, ?, ?)
    ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at`,

  // Walks controllers' primary key: a few rows.
  forgetControllers: "DELETE FROM controllers WHERE owner >= '' AND seen_at < ?",
} as const;

/** The reader's statements. */
export const readStatements = {
  findKey,

  // timers' primary key, one row.
  getOpen: `SELECT ${openColumns} FROM timers WHERE bucket = 0 AND id = ?`,

  // history's primary key, one row.
  getEnded: `SELECT ${endedColumns} FROM history WHERE bucket = 0 AND id = ?`,

  // Walks timers' primary key downwards, and is stopped by its reader. Reads neither bodies nor attempts. Columns as in a ListedRow.
  listOpen: `SELECT id, tenant, due_at, retry_at, claim_at, owner, attempts_made, url, spec, NULL
    FROM timers WHERE bucket = 0 AND id < ? ORDER BY id DESC`,

  // Walks history's primary key downwards, likewise.
  listEnded: `SELECT id, tenant, due_at, retry_at, ended_at, NULL, attempts_made, url, spec, status
    FROM history WHERE bucket = 0 AND id < ? ORDER BY id DESC`,

  // ledger's primary key, the one row.
  ledger: 'SELECT accepted, open, done, failed, cancelled, uncertain, purged FROM ledger WHERE bucket = 0',

  // Walks timers_held, which is as long as controllers have room for.
  countExecuting: `SELECT count(*) FROM timers INDEXED BY timers_held
    WHERE bucket = 0 AND owner IS NOT NULL AND coalesce(retry_at, due_at) <= ?`,

  // Walks what is overdue of timers_free, which carries all that is asked (a covering index).
  countOverdue: `SELECT count(*), min(coalesce(retry_at, due_at)) FROM timers INDEXED BY timers_free
    WHERE bucket = 0 AND owner IS NULL AND claim_at <= ?`,

  // For audit alone: walks every row of timers' primary key.
  auditOpen: 'SELECT count(*) FROM timers WHERE bucket = 0',

  // For audit alone: walks every row of history's primary key.
  auditEnded: `SELECT count(*), count(*) FILTER (WHERE status = 'done'), count(*) FILTER (WHERE status = 'failed'),
      count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'uncertain')
    FROM history WHERE bucket = 0`,

  // Walks controllers' primary key: a few rows.
  controllers: "SELECT owner, started_at, seen_at FROM controllers WHERE owner >= '' AND seen_at >= ? ORDER BY owner",
} as const;

export type Prepared<Name extends string> = Readonly<Record<Name, StatementSync>>;

/** Prepares statements once, for rows as arrays. */
export function prepareAll<Name extends string>(
  database: DatabaseSync,
  statements: Readonly<Record<Name, string>>,
): Prepared<Name> {
  const prepared = Object.entries<string>(statements).map(([name, sql]) => [
    name,
    database.prepare(sql, { returnArrays: true }),
  ]);
  return Object.fromEntries(prepared) as Prepared<Name>;
}
