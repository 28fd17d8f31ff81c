-- Controllers that run, each with its last sign of life: for people, and for limits that are split between them.
CREATE TABLE controllers (
  owner TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
