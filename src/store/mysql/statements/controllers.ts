import { statement } from './text.ts';

/** controllers' primary key, one row. */
export const beat = (owner: string, startedAt: number, seenAt: number) =>
  statement(
    'INSERT INTO controllers (owner, started_at, seen_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE seen_at = ?',
    owner,
    startedAt,
    seenAt,
    seenAt,
  );

/** Walks controllers' primary key, a few rows, one lock at a time: it must commit by itself, or two of these could wait for each other. */
export const forgetControllers = (before: number) =>
  statement("DELETE FROM controllers WHERE owner >= '' AND seen_at < ?", before);

/** Walks controllers' primary key: a few rows. */
export const findControllers = (since: number) =>
  statement(
    "SELECT owner, started_at, seen_at FROM controllers WHERE owner >= '' AND seen_at >= ? ORDER BY owner",
    since,
  );
