-- Controllers that run, each with its last sign of life: for people, and for limits that are split between them.
CREATE TABLE IF NOT EXISTS controllers (
  owner VARBINARY(1020) NOT NULL PRIMARY KEY,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
