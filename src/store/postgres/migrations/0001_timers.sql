-- Instants are integers: milliseconds since the epoch, UTC. Every table that carries work is cut into buckets, and its keys contain the
-- bucket, so that the same schema can be distributed over a Citus cluster. Columns stand in an order that leaves few gaps between them.
-- Primary keys begin with what tells rows apart, since only conditions on an index's first column are sure to be used (statements.ts).

CREATE TABLE meta (
  name text NOT NULL PRIMARY KEY,
  value text NOT NULL
);

-- What is still to do. `url` is a column of its own; `spec` is a JSON object with what differs from the defaults, NULL for nothing;
-- `attempts` is a JSON array, NULL for none. The body is bytes (UTF-8), since text cannot hold NUL here.
-- `owner` holds the timer until `claim_at`; without an owner, `claim_at` is when it may be claimed. `begun` is the claim under
-- which a call was marked as about to be sent.
CREATE TABLE timers (
  due_at bigint NOT NULL,
  retry_at bigint,
  claim_at bigint NOT NULL,
  claim integer NOT NULL,
  begun integer,
  attempts_made integer NOT NULL,
  attempts_max integer NOT NULL,
  bucket smallint NOT NULL,
  id uuid NOT NULL,
  tenant text NOT NULL,
  key text,
  owner text,
  url text NOT NULL,
  attempts text,
  spec text,
  body bytea,
  PRIMARY KEY (id, bucket)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

-- Each row is in exactly one of these two, so that claiming never walks over timers that others hold.
CREATE INDEX timers_free ON timers (bucket, claim_at, id) WHERE owner IS NULL;
CREATE INDEX timers_held ON timers (bucket, claim_at, id) WHERE owner IS NOT NULL;

-- What ended. Only appended to, and purged by age.
CREATE TABLE history (
  due_at bigint NOT NULL,
  retry_at bigint,
  ended_at bigint NOT NULL,
  claim integer NOT NULL,
  begun integer,
  attempts_made integer NOT NULL,
  attempts_max integer NOT NULL,
  bucket smallint NOT NULL,
  id uuid NOT NULL,
  tenant text NOT NULL,
  key text,
  status text NOT NULL CHECK (status IN ('done', 'failed', 'cancelled', 'uncertain')),
  url text NOT NULL,
  attempts text,
  spec text,
  body bytea,
  PRIMARY KEY (id, bucket)
) WITH (autovacuum_vacuum_cost_delay = 0);

-- Holds every row: the condition keeps it from statements that do not ask for an age, and would walk all of it for one row.
CREATE INDEX history_ended ON history (bucket, ended_at, id) WHERE ended_at >= 0;

-- Which timer an idempotency key led to, for as long as that timer is kept, with what the first answer said.
CREATE TABLE keys (
  due_at bigint NOT NULL,
  bucket smallint NOT NULL,
  id uuid NOT NULL,
  tenant text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  PRIMARY KEY (key, bucket, tenant)
);

-- How many timers there are in each state: accepted = open + done + failed + cancelled + uncertain + purged, summed over all rows of a
-- bucket. Each transaction that changes timers adds a row with what it changed, so that none waits for another; rows are folded now and then.
CREATE TABLE ledger (
  seq bigint GENERATED ALWAYS AS IDENTITY,
  accepted bigint NOT NULL,
  open bigint NOT NULL,
  done bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  uncertain bigint NOT NULL,
  purged bigint NOT NULL,
  bucket smallint NOT NULL,
  PRIMARY KEY (bucket, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
