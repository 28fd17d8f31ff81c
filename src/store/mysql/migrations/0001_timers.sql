-- Instants are integers: milliseconds since the epoch, UTC. Every table that carries work is cut into buckets. An id is the 16 bytes of a
-- UUIDv7, whose order is that of creation. Text that is compared is kept as bytes, so that no collation folds or pads it.
-- MySQL commits each of these statements by itself: each can be run again after a crash between two of them.

CREATE TABLE IF NOT EXISTS meta (
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  value VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- What is still to do. `url` is a column of its own; `spec` is a JSON object with what differs from the defaults, NULL for nothing;
-- `attempts` is a JSON array, NULL for none. The body is bytes (UTF-8). `spec_bytes` is the length of url, spec and body together.
-- `owner` holds the timer until `claim_at`, and `held` is 1; without an owner `held` is 0, and `claim_at` is when it may be claimed. `begun`
-- is the claim under which a call was marked as about to be sent.
-- There are no partial indexes here: `held` keeps those that are claimed apart from those that are to be, in one index. It also carries when
-- the attempt is due, so that counting what is overdue reads no rows.
CREATE TABLE IF NOT EXISTS timers (
  bucket SMALLINT UNSIGNED NOT NULL,
  id BINARY(16) NOT NULL,
  tenant VARBINARY(1020) NOT NULL,
  `key` VARBINARY(1020),
  due_at BIGINT NOT NULL,
  retry_at BIGINT,
  claim_at BIGINT NOT NULL,
  held TINYINT UNSIGNED NOT NULL DEFAULT 0,
  owner VARBINARY(1020),
  claim INT UNSIGNED NOT NULL,
  begun INT UNSIGNED,
  attempts_made INT UNSIGNED NOT NULL,
  attempts_max INT UNSIGNED NOT NULL,
  spec_bytes INT UNSIGNED NOT NULL,
  url MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  attempts MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  spec MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  body LONGBLOB,
  PRIMARY KEY (bucket, id),
  KEY timers_claim (bucket, held, claim_at, id, due_at, retry_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- What ended. Only appended to, and purged by age. Its index carries the status, so that an audit reads no rows.
CREATE TABLE IF NOT EXISTS history (
  bucket SMALLINT UNSIGNED NOT NULL,
  id BINARY(16) NOT NULL,
  tenant VARBINARY(1020) NOT NULL,
  `key` VARBINARY(1020),
  due_at BIGINT NOT NULL,
  retry_at BIGINT,
  ended_at BIGINT NOT NULL,
  claim INT UNSIGNED NOT NULL,
  begun INT UNSIGNED,
  attempts_made INT UNSIGNED NOT NULL,
  attempts_max INT UNSIGNED NOT NULL,
  status ENUM('done', 'failed', 'cancelled', 'uncertain') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  url MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  attempts MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  spec MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  body LONGBLOB,
  PRIMARY KEY (bucket, id),
  KEY history_ended (bucket, ended_at, id, status)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- Which timer an idempotency key led to, for as long as that timer is kept, with what the first answer said.
CREATE TABLE IF NOT EXISTS `keys` (
  bucket SMALLINT UNSIGNED NOT NULL,
  tenant VARBINARY(1020) NOT NULL,
  `key` VARBINARY(1020) NOT NULL,
  id BINARY(16) NOT NULL,
  fingerprint VARBINARY(255) NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (bucket, tenant, `key`)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- How many timers there are in each state: accepted = open + done + failed + cancelled + uncertain + purged, summed over all rows of a
-- bucket. Each transaction that changes timers adds a row of what it changed, under a number that it chose by chance, so that none waits for
-- another; rows are folded now and then.
CREATE TABLE IF NOT EXISTS ledger (
  bucket SMALLINT UNSIGNED NOT NULL,
  seq BINARY(16) NOT NULL,
  accepted BIGINT NOT NULL,
  open BIGINT NOT NULL,
  done BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  cancelled BIGINT NOT NULL,
  uncertain BIGINT NOT NULL,
  purged BIGINT NOT NULL,
  PRIMARY KEY (bucket, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
