import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { readMigrations, type SeenMigration, unseenMigrations } from '../migrations.ts';

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
    // Walks migrations' primary key.
    const seen = database.prepare('SELECT name, checksum FROM migrations ORDER BY number').all();
    const unseen = unseenMigrations(known, seen as unknown as SeenMigration[], path);
    // Migrations' primary key, at its end.
    const record = database.prepare('INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)');
    for (const { number, name, sql, checksum } of unseen) {
      database.exec(sql);
      record.run(number, name, checksum);
    }
    if (seen.length === 0) database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
