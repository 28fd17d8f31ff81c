import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { PunctualError } from '../../timer/errors.ts';

/** One numbered SQL file. */
interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
}

export interface MigrateOptions {
  /** Of the database, for messages. */
  readonly path: string;
  /** Written into the file's header with the first migration. */
  readonly applicationId: number;
  /** Where the numbered SQL files are; the engine's own, unless a test says otherwise. */
  readonly folder?: string;
}

/**
 * Runs the migrations that the database has not seen, all in one transaction. Throws `store_too_new` where it has seen some that this
 * program does not know, and `store_migration_changed` where one that has run reads differently today.
 */
export function migrate(
  database: DatabaseSync,
  { path, applicationId, folder = join(import.meta.dirname, 'migrations') }: MigrateOptions,
): void {
  const known = readMigrations(folder);
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(`CREATE TABLE IF NOT EXISTS migrations (
      number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
    )`);
    const seen = checkSeen(database, known, path);
    // Migrations' primary key, at its end.
    const record = database.prepare('INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)');
    for (const { number, name, sql, checksum } of known.slice(seen)) {
      database.exec(sql);
      record.run(number, name, checksum);
    }
    if (seen === 0) database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Compares the migrations that have run with those known. Returns how many have. */
function checkSeen(database: DatabaseSync, known: readonly Migration[], path: string): number {
  // Walks migrations' primary key.
  const seen = database.prepare('SELECT number, name, checksum FROM migrations ORDER BY number').all();
  if (seen.length > known.length) {
    throw new PunctualError('store_too_new', {
      message: `${path} was made by a newer Punctual (schema ${seen.length}; this one knows ${known.length}): use that one`,
    });
  }
  for (const [index, { name, checksum }] of seen.entries()) {
    if (name === known[index]!.name && checksum === known[index]!.checksum) continue;
    throw new PunctualError('store_migration_changed', {
      message: `${path} was made with another version of migration ${known[index]!.name}: use the Punctual that made it`,
    });
  }
  return seen.length;
}

function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    // A checkout may have given the file other line ends.
    const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
    const checksum = createHash('sha256').update(sql).digest('hex');
    return { number: index + 1, name, sql, checksum };
  });
}
