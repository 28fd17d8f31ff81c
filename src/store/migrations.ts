import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PunctualError } from '../timer/errors.ts';

/** One numbered SQL file. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
}

/** A migration that has run on a database, as that database remembers it. */
export type SeenMigration = Pick<Migration, 'name' | 'checksum'>;

/** The numbered SQL files of a folder, in order. */
export function readMigrations(folder: string): Migration[] {
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

/**
 * The migrations that have not run yet. Throws `store_too_new` where some have run that this program does not know, and
 * `store_migration_changed` where one that has run reads differently today. `database` names it in messages.
 */
export function unseenMigrations(
  known: readonly Migration[],
  seen: readonly SeenMigration[],
  database: string,
): readonly Migration[] {
  if (seen.length > known.length) {
    throw new PunctualError('store_too_new', {
      message: `${database} was made by a newer Punctual (schema ${seen.length}; this one knows ${known.length}): use that one`,
    });
  }
  for (const [index, { name, checksum }] of seen.entries()) {
    if (name === known[index]!.name && checksum === known[index]!.checksum) continue;
    throw new PunctualError('store_migration_changed', {
      message: `${database} was made with another version of migration ${known[index]!.name}: use the Punctual that made it`,
    });
  }
  return known.slice(seen.length);
}
