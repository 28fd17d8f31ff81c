-- Controllers that run, each with its last sign of life: for people, and for limits that are split between them.
CREATE TABLE controllers (
  owner text NOT NULL PRIMARY KEY,
  started_at bigint NOT NULL,
  seen_at bigint NOT NULL
);
