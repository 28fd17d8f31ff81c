-- Instants are integers: milliseconds since the epoch, UTC. An id is the 16 bytes of a UUIDv7, whose order is that of creation.
-- Every table is cut into buckets, so that the schema is the same on engines that have more than the one that a file has.

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('program', 'punctual'), ('buckets', 1);

-- What is still to do. `url` is a column of its own, so that a destination is a range of it; `spec` is a JSON object with what differs from
-- the defaults, NULL for nothing; `attempts` is a JSON array, NULL for none. Long columns stand last: what precedes them is then
-- read without following a row's overflow pages.
-- `owner` holds the timer until `claim_at`; without an owner, `claim_at` is when it may be claimed. `begun` is the claim under
-- which a call was marked as about to be sent.
CREATE TABLE timers (
  bucket INTEGER NOT NULL,
  id BLOB NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT,
  due_at INTEGER NOT NULL,
  retry_at INTEGER,
  claim_at INTEGER NOT NULL,
  owner TEXT,
  claim INTEGER NOT NULL,
  begun INTEGER,
  attempts_made INTEGER NOT NULL,
  attempts_max INTEGER NOT NULL,
  url TEXT NOT NULL,
  attempts TEXT,
  spec TEXT,
  body TEXT,
  PRIMARY KEY (bucket, id)
) WITHOUT ROWID;

-- Each row is in exactly one of these two, so that claiming never walks over timers that others hold. The first also carries when the
-- attempt is due (and the owner, without which SQLite would not take it as covering), so that counting what is overdue reads no rows.
CREATE INDEX timers_free ON timers (bucket, claim_at, id, coalesce(retry_at, due_at), owner) WHERE owner IS NULL;
CREATE INDEX timers_held ON timers (bucket, claim_at, id) WHERE owner IS NOT NULL;

-- What ended. Only appended to, and purged by age.
CREATE TABLE history (
  bucket INTEGER NOT NULL,
  id BLOB NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT,
  due_at INTEGER NOT NULL,
  retry_at INTEGER,
  claim INTEGER NOT NULL,
  begun INTEGER,
  attempts_made INTEGER NOT NULL,
  attempts_max INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('done', 'failed', 'cancelled', 'uncertain')),
  ended_at INTEGER NOT NULL,
  url TEXT NOT NULL,
  attempts TEXT,
  spec TEXT,
  body TEXT,
  PRIMARY KEY (bucket, id)
) WITHOUT ROWID;

CREATE INDEX history_ended ON history (bucket, ended_at, id);

-- Which timer an idempotency key led to, for as long as that timer is kept, with what the first answer said.
CREATE TABLE keys (
  bucket INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  id BLOB NOT NULL,
  fingerprint TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (bucket, tenant, key)
) WITHOUT ROWID;

-- How many timers there are in each state: accepted = open + done + failed + cancelled + uncertain + purged. One row per bucket, updated
-- in the transaction that changes the timers: a file has a single writer, so nobody ever waits for this row.
CREATE TABLE ledger (
  bucket INTEGER NOT NULL PRIMARY KEY,
  accepted INTEGER NOT NULL DEFAULT 0,
  open INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  uncertain INTEGER NOT NULL DEFAULT 0,
  purged INTEGER NOT NULL DEFAULT 0
);

INSERT INTO ledger (bucket) VALUES (0);
