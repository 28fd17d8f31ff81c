// Every statement of the engine but the migrations. All run at READ COMMITTED, most of them alone: a statement that changes several tables
// does so in one commit and one round trip. Each names its bucket ($1), so that on Citus it concerns one node.
//
// Tables that fill and empty within a minute have statistics that are always wrong, and a plan is kept for as long as its session lives. So
// no statement leaves the planner a choice (connections.ts forbids the rest): a batch's rows are found by `= ANY` on the first column of a
// primary key, and put beside their entries by hashing. A condition that would allow an index which knows the row's bucket, but not the
// row, is written so that the planner does not see it: `IS NOT DISTINCT FROM` and `num_nonnulls` keep timers_held and timers_free out.

/** Columns of a TimerRow (rows.ts) as they are in `timers`; `claim_at` and `owner` are the statement's choice. */
const timerColumns = (claimAt: string, owner: string) =>
  `timers.id, timers.tenant, timers.key, timers.due_at, timers.retry_at, ${claimAt}, ${owner}, timers.claim, timers.begun,
    timers.attempts_made, timers.attempts_max, timers.url, timers.attempts, timers.spec, timers.body`;

const counters = 'accepted, open, done, failed, cancelled, uncertain, purged';
const sums = counters.replaceAll(/\w+/g, 'coalesce(sum($&), 0)');

/**
 * The last of a statement's CTEs, and the statement itself: adds to the ledger what `source` did, and gives a row where it did anything. The
 * deltas are seven parameters from `first` on, in the order of `counters`.
 */
const noteFrom = (source: string, first: number) =>
  `noted AS (
      INSERT INTO ledger (bucket, ${counters})
      SELECT $1, ${Array.from({ length: 7 }, (_, index) => `$${first + index}::bigint`).join(', ')} FROM ${source})
    SELECT 1 FROM ${source}`;

const given = `given AS (
  SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::text[], $8::text[], $9::bytea[], $10::text[])
    WITH ORDINALITY AS given(id, tenant, key, due_at, attempts_max, url, spec, body, fingerprint, n))`;

const newTimers = (which: string) => `INSERT INTO timers
    (bucket, id, tenant, key, due_at, claim_at, claim, attempts_made, attempts_max, url, spec, body)
  SELECT $1, id, tenant, key, due_at, due_at, 0, 0, attempts_max, url, spec, body FROM given ${which} RETURNING id`;

const listOpen = `SELECT id, tenant, due_at, retry_at, claim_at, owner, attempts_made, url, spec, NULL
    FROM timers WHERE bucket = $1 AND id < $2 ORDER BY id DESC LIMIT $3`;

const listEnded = `SELECT id, tenant, due_at, retry_at, ended_at, NULL, attempts_made, url, spec, status
    FROM history WHERE bucket = $1 AND id < $2 ORDER BY id DESC LIMIT $3`;

export const statements = {
  // timers' primary key, at its end (ids grow), and timers_free. Locks nothing that exists.
  insert: `WITH ${given}, put AS (${newTimers('')}),
    noted AS (INSERT INTO ledger (bucket, ${counters}) SELECT $1, count(*), count(*), 0, 0, 0, 0, 0 FROM put)
    SELECT count(*) FROM put`,

  // keys' primary key, in its order, so that two of these never wait for each other crosswise; then as `insert`, for those whose key is new.
  insertKeyed: `WITH ${given}, fresh AS (
      INSERT INTO keys (bucket, tenant, key, id, fingerprint, due_at)
      SELECT $1, tenant, key, id, fingerprint, due_at FROM given WHERE key IS NOT NULL ORDER BY tenant, key, n
      ON CONFLICT (bucket, tenant, key) DO NOTHING RETURNING id),
    put AS (${newTimers('WHERE key IS NULL OR id IN (SELECT id FROM fresh)')}),
    noted AS (INSERT INTO ledger (bucket, ${counters}) SELECT $1, count(*), count(*), 0, 0, 0, 0, 0 FROM put HAVING count(*) > 0)
    SELECT id FROM put`,

  // keys' primary key, one row for each, and for each pair of a tenant and another's key.
  findKeys: `SELECT tenant, key, id, fingerprint, due_at FROM keys
    WHERE bucket = $1 AND key = ANY($3::text[]) AND tenant = ANY($2::text[])`,

  // Walks timers_free and timers_held from their old ends, and locks the rows that it takes; those that others are taking are passed over.
  // $2 horizon, $3 until when leases must have run out, $4 limit, $5 owner, $6 end of the lease, $7 bytes.
  claim: `WITH free AS (
      SELECT id, claim_at, owner, octet_length(url) + coalesce(octet_length(spec), 0) + coalesce(octet_length(body), 0) AS bytes
      FROM timers WHERE bucket = $1 AND owner IS NULL AND claim_at <= $2
      ORDER BY claim_at, id LIMIT $4 FOR UPDATE SKIP LOCKED),
    held AS (
      SELECT id, claim_at, owner, octet_length(url) + coalesce(octet_length(spec), 0) + coalesce(octet_length(body), 0) AS bytes
      FROM timers WHERE bucket = $1 AND owner IS NOT NULL AND claim_at <= $3
      ORDER BY claim_at, id LIMIT $4 FOR UPDATE SKIP LOCKED),
    due AS (
      SELECT id, claim_at, owner, row_number() OVER earliest AS place, sum(bytes) OVER earliest AS bytes
      FROM (SELECT * FROM free UNION ALL SELECT * FROM held) AS claimable WINDOW earliest AS (ORDER BY claim_at, id)),
    chosen AS (SELECT id, claim_at, owner FROM due WHERE place <= $4 AND (place = 1 OR bytes <= $7))
    UPDATE timers SET owner = $5, claim_at = $6, claim = timers.claim + 1
    FROM chosen WHERE timers.bucket = $1 AND timers.id = ANY(ARRAY(SELECT id FROM chosen)) AND timers.id = chosen.id
    RETURNING ${timerColumns('timers.claim_at', 'timers.owner')}, NULL, chosen.claim_at, chosen.owner`,

  // timers' primary key, one row for each. $2 ids, $3 owners, $4 claims.
  begin: `UPDATE timers SET begun = timers.claim
    FROM unnest($2::uuid[], $3::text[], $4::integer[]) WITH ORDINALITY AS given(id, owner, claim, n)
    WHERE timers.bucket = $1 AND timers.id = ANY($2) AND timers.id = given.id AND timers.claim = given.claim
      AND timers.owner IS NOT DISTINCT FROM given.owner
    RETURNING given.n`,

  // timers' primary key, one row for each; timers_held. $5 end of the lease.
  extend: `UPDATE timers SET claim_at = $5
    FROM unnest($2::uuid[], $3::text[], $4::integer[]) WITH ORDINALITY AS given(id, owner, claim, n)
    WHERE timers.bucket = $1 AND timers.id = ANY($2) AND timers.id = given.id AND timers.claim = given.claim
      AND timers.owner IS NOT DISTINCT FROM given.owner
    RETURNING given.n`,

  // timers' primary key, one row for each; moves it to timers_free. $5 when each may be claimed again.
  release: `UPDATE timers SET owner = NULL, begun = NULL, claim_at = given.claim_at
    FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::bigint[]) WITH ORDINALITY AS given(id, owner, claim, claim_at, n)
    WHERE timers.bucket = $1 AND timers.id = ANY($2) AND timers.id = given.id AND timers.claim = given.claim
      AND timers.owner IS NOT DISTINCT FROM given.owner
    RETURNING given.n`,

  // timers' primary key, one row for each; what ended moves to history inside the database, the rest to timers_free. $5 to $9: attempts made,
  // allowed, on record; status, or NULL; when it ended, or is to be tried again.
  settle: `WITH given AS (
      SELECT * FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[], $8::text[], $9::bigint[])
        WITH ORDINALITY AS given(id, owner, claim, made, max, attempts, status, at, n)),
    gone AS (
      DELETE FROM timers USING given
      WHERE timers.bucket = $1 AND timers.id = ANY(ARRAY(SELECT id FROM given WHERE status IS NOT NULL)) AND timers.id = given.id
        AND timers.claim = given.claim AND timers.owner IS NOT DISTINCT FROM given.owner AND given.status IS NOT NULL
      RETURNING timers.id, timers.tenant, timers.key, timers.due_at, timers.retry_at, timers.claim, timers.begun, timers.url,
        timers.spec, timers.body, given.made, given.max, given.attempts, given.status, given.at, given.n),
    put AS (
      INSERT INTO history (bucket, id, tenant, key, due_at, retry_at, claim, begun, attempts_made, attempts_max, status, ended_at,
        url, attempts, spec, body)
      SELECT $1, id, tenant, key, due_at, retry_at, claim, CASE WHEN status = 'uncertain' THEN begun END, made, max, status, at,
        url, attempts, spec, body FROM gone),
    noted AS (
      INSERT INTO ledger (bucket, ${counters})
      SELECT $1, 0, -count(*), count(*) FILTER (WHERE status = 'done'), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE status = 'uncertain'), 0
      FROM gone HAVING count(*) > 0),
    kept AS (
      UPDATE timers SET owner = NULL, begun = NULL, attempts_made = given.made, attempts_max = given.max, attempts = given.attempts,
        claim_at = given.at, retry_at = given.at
      FROM given
      WHERE timers.bucket = $1 AND timers.id = ANY(ARRAY(SELECT id FROM given WHERE status IS NULL)) AND timers.id = given.id
        AND timers.claim = given.claim AND timers.owner IS NOT DISTINCT FROM given.owner AND given.status IS NULL
      RETURNING given.n)
    SELECT n FROM gone UNION ALL SELECT n FROM kept`,

  // timers' primary key, one row: whether a settlement to waiting has been written already. $2 id, $3 to $6 as in `settle`, without status.
  settledWaiting: `SELECT 1 FROM timers WHERE bucket = $1 AND id = $2 AND num_nonnulls(owner) = 0
    AND attempts_made = $3 AND attempts_max = $4 AND attempts IS NOT DISTINCT FROM $5 AND retry_at = $6`,

  // history's primary key, one row: whether a settlement to an end has been written already.
  settledEnded: `SELECT 1 FROM history WHERE bucket = $1 AND id = $2
    AND attempts_made = $3 AND attempts_max = $4 AND attempts IS NOT DISTINCT FROM $5 AND ended_at = $6 AND status = $7`,

  // history's primary key, one row; puts it back into timers and timers_free. $7 the claim that was begun; deltas from $8 on.
  settleLateWaiting: `WITH gone AS (
      DELETE FROM history WHERE bucket = $1 AND id = $2 AND status = 'uncertain' AND begun = $7 RETURNING *),
    put AS (
      INSERT INTO timers (bucket, id, tenant, key, due_at, retry_at, claim_at, claim, attempts_made, attempts_max, url, attempts, spec, body)
      SELECT bucket, id, tenant, key, due_at, $6, $6, claim + 1, $3, $4, url, $5, spec, body FROM gone),
    ${noteFrom('gone', 8)}`,

  // history's primary key, one row; history_ended. $7 the claim that was begun; deltas from $8 on, then the status.
  settleLateEnded: `WITH late AS (
      UPDATE history SET attempts_made = $3, attempts_max = $4, attempts = $5, ended_at = $6, status = $15,
        claim = claim + 1, begun = CASE WHEN $15 = 'uncertain' THEN begun END
      WHERE bucket = $1 AND id = $2 AND status = 'uncertain' AND begun = $7 RETURNING 1),
    ${noteFrom('late', 8)}`,

  // timers' primary key, one row; timers_free. $2 id, $3 the claim that was read, $4 to $16 the columns as they shall be.
  changeOpen: `UPDATE timers SET tenant = $4, key = $5, due_at = $6, retry_at = $7, claim_at = $8, claim = $9, begun = $10,
      attempts_made = $11, attempts_max = $12, url = $13, attempts = $14, spec = $15, body = $16
    WHERE bucket = $1 AND id = $2 AND claim = $3 AND num_nonnulls(owner) = 0 RETURNING 1`,

  // timers' primary key, one row, which moves to history. As changeOpen; $17 status, deltas from $18 on.
  end: `WITH gone AS (DELETE FROM timers WHERE bucket = $1 AND id = $2 AND claim = $3 AND num_nonnulls(owner) = 0 RETURNING 1),
    put AS (
      INSERT INTO history (bucket, id, tenant, key, due_at, retry_at, ended_at, claim, begun, attempts_made, attempts_max, url, attempts,
        spec, body, status)
      SELECT $1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 FROM gone),
    ${noteFrom('gone', 18)}`,

  // history's primary key, one row, which moves back to timers. As changeOpen; $17 the status that was read, deltas from $18 on.
  reopen: `WITH gone AS (DELETE FROM history WHERE bucket = $1 AND id = $2 AND claim = $3 AND status = $17 RETURNING 1),
    put AS (
      INSERT INTO timers (bucket, id, tenant, key, due_at, retry_at, claim_at, claim, begun, attempts_made, attempts_max, url, attempts,
        spec, body)
      SELECT $1, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 FROM gone),
    ${noteFrom('gone', 18)}`,

  // history's primary key, one row; history_ended. As changeOpen; $17 the status that was read, deltas from $18 on, then the new status.
  changeEnded: `WITH changed AS (
      UPDATE history SET tenant = $4, key = $5, due_at = $6, retry_at = $7, ended_at = $8, claim = $9, begun = $10,
        attempts_made = $11, attempts_max = $12, url = $13, attempts = $14, spec = $15, body = $16, status = $25
      WHERE bucket = $1 AND id = $2 AND claim = $3 AND status = $17 RETURNING 1),
    ${noteFrom('changed', 18)}`,

  // Walks history_ended from its old end, and passes over what others are purging; history's and keys' primary keys.
  purge: `WITH old AS (
      SELECT id FROM history WHERE bucket = $1 AND ended_at >= 0 AND ended_at < $2 ORDER BY ended_at, id LIMIT $3
      FOR UPDATE SKIP LOCKED),
    gone AS (
      DELETE FROM history WHERE bucket = $1 AND id = ANY(ARRAY(SELECT id FROM old)) RETURNING id, tenant, key, status),
    unused AS (
      DELETE FROM keys USING gone
      WHERE keys.bucket = $1 AND keys.key = ANY(ARRAY(SELECT key FROM gone)) AND keys.key = gone.key AND keys.tenant = gone.tenant
        AND keys.id = gone.id),
    noted AS (
      INSERT INTO ledger (bucket, ${counters})
      SELECT $1, 0, 0, -count(*) FILTER (WHERE status = 'done'), -count(*) FILTER (WHERE status = 'failed'),
        -count(*) FILTER (WHERE status = 'cancelled'), -count(*) FILTER (WHERE status = 'uncertain'), count(*)
      FROM gone HAVING count(*) > 0)
    SELECT count(*) FROM gone`,

  // Walks ledger's primary key from its old end, and passes over rows that others are folding. $2 limit.
  fold: `WITH old AS (SELECT seq FROM ledger WHERE bucket = $1 ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED),
    gone AS (
      DELETE FROM ledger WHERE bucket = $1 AND seq = ANY(ARRAY(SELECT seq FROM old)) RETURNING ${counters}),
    noted AS (INSERT INTO ledger (bucket, ${counters}) SELECT $1, ${sums} FROM gone HAVING count(*) > 0)
    SELECT count(*) FROM gone`,

  // timers' and history's primary keys, one row for each, at one moment: a timer that moves between them meanwhile is in one of them. $2 ids.
  get: `SELECT ${timerColumns('timers.claim_at', 'timers.owner')}, NULL FROM timers WHERE bucket = $1 AND id = ANY($2::uuid[])
    UNION ALL
    SELECT id, tenant, key, due_at, retry_at, ended_at, NULL, claim, begun, attempts_made, attempts_max, url, attempts, spec, body, status
    FROM history WHERE bucket = $1 AND id = ANY($2::uuid[])`,

  // Walks timers' primary key downwards. Reads neither bodies nor attempts. $2 before which id, $3 how many. Columns as in a ListedRow.
  listOpen,

  // Walks history's primary key downwards, likewise.
  listEnded,

  // Both walks at one moment, so that a timer that moves meanwhile is listed once.
  list: `SELECT * FROM (${listOpen}) AS open UNION ALL SELECT * FROM (${listEnded}) AS ended ORDER BY id DESC LIMIT $3`,

  // One moment of one bucket: its ledger (primary key; as long as nobody has folded it), the held timers (timers_held; as many as controllers
  // have room for), the overdue ones (timers_free up to $2).
  counts: `SELECT ${sums},
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NOT NULL AND coalesce(retry_at, due_at) <= $2),
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NULL AND claim_at <= $2),
      (SELECT min(coalesce(retry_at, due_at)) FROM timers WHERE bucket = $1 AND owner IS NULL AND claim_at <= $2)
    FROM ledger WHERE bucket = $1`,

  // For audit alone: walks timers_free, timers_held and history_ended, every row of the bucket. Columns in the order of `counts`.
  audit: `SELECT free.count + held.count + ended.count + purged.count, free.count + held.count, done, failed, cancelled, uncertain,
      purged.count,
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NOT NULL AND coalesce(retry_at, due_at) <= $2),
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NULL AND claim_at <= $2),
      (SELECT min(coalesce(retry_at, due_at)) FROM timers WHERE bucket = $1 AND owner IS NULL AND claim_at <= $2)
    FROM
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NULL) AS free,
      (SELECT count(*) FROM timers WHERE bucket = $1 AND owner IS NOT NULL) AS held,
      (SELECT count(*), count(*) FILTER (WHERE status = 'done') AS done, count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled, count(*) FILTER (WHERE status = 'uncertain') AS uncertain
      FROM history WHERE bucket = $1 AND ended_at >= 0) AS ended,
      -- Purged timers have left no rows to count.
      (SELECT coalesce(sum(purged), 0) AS count FROM ledger WHERE bucket = $1) AS purged`,

  // controllers' primary key, one row; and all rows of controllers, a few. Passes over those that others are noting or forgetting.
  beat: `WITH old AS (SELECT owner FROM controllers WHERE seen_at < $4 AND owner <> $1 FOR UPDATE SKIP LOCKED),
    forgotten AS (DELETE FROM controllers WHERE owner IN (SELECT owner FROM old))
    INSERT INTO controllers (owner, started_at, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at`,

  // All rows of controllers: a few.
  controllers: 'SELECT owner, started_at, seen_at FROM controllers WHERE seen_at >= $1 ORDER BY owner COLLATE "C"',

  // pg_class' own index, one row: how many rows `timers` has, as far as the server knows.
  timersSize: "SELECT reltuples::float8 FROM pg_class WHERE oid = 'timers'::regclass",

  // Walks the whole table but for pages without useless rows. Locks out other vacuums and changes of the schema, no statement of Punctual.
  cleanTimers: 'VACUUM (SKIP_LOCKED, TRUNCATE false) timers',

  // Touches no table.
  durability: "SELECT current_setting('fsync'), current_setting('full_page_writes')",

  // Touches no table.
  time: 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000',
} as const;

export type StatementName = keyof typeof statements;
