import { PunctualError } from '../../timer/errors.ts';
import type { Address } from './address.ts';
import type { Answer } from './session.ts';

/** What is to be known of a server before it is used. */
export interface ServerFacts {
  /** What is set on it that weakens the promise. */
  readonly warnings: readonly string[];
  /** It takes no statement longer than this. */
  readonly packetBytesMax: number;
}

/** Settings by their names; what a server does not know is missing. */
type Settings = ReadonlyMap<string, string>;

const asked = [
  'max_allowed_packet',
  'innodb_flush_log_at_trx_commit',
  'innodb_doublewrite',
  'log_bin',
  'sync_binlog',
  'binlog_format',
];

/** Asks the server. Throws `invalid_configuration` where it is too old, or set so that it would refuse every write. */
export async function inspectServer(
  ask: (sql: string, ...values: unknown[]) => Promise<Answer>,
  { shown }: Address,
): Promise<ServerFacts> {
  // These touch no table.
  const { rows: versions } = await ask('SELECT VERSION()');
  const { rows } = await ask('SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', asked);
  const settings = new Map(rows.map(([name, value]) => [String(name), String(value)]));
  mustBeNewEnough(String(versions[0]![0]), shown);
  mustLogRows(settings, shown);
  return { packetBytesMax: Number(settings.get('max_allowed_packet')), warnings: durabilityWarnings(settings) };
}

/** SKIP LOCKED, JSON_TABLE, and consistent plans for both. */
export function mustBeNewEnough(version: string, database: string): void {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  const isMariadb = /mariadb/i.test(version);
  const isEnough = isMariadb ? major > 10 || (major === 10 && minor >= 6) : major >= 8;
  if (isEnough) return;
  throw new PunctualError('invalid_configuration', {
    message: `${database} runs version ${version}: Punctual needs MySQL 8.0 or MariaDB 10.6, or newer`,
  });
}

/** At READ COMMITTED a log of statements would not say what they did, and InnoDB refuses to write them. */
export function mustLogRows(settings: Settings, database: string): void {
  if (!isOn(settings.get('log_bin')) || settings.get('binlog_format') !== 'STATEMENT') return;
  throw new PunctualError('invalid_configuration', {
    message: `${database} writes statements into its binary log: set binlog_format to ROW (or MIXED) on the server`,
  });
}

/** A commit that is answered must be on the disk. */
export function durabilityWarnings(settings: Settings): string[] {
  const warnings: string[] = [];
  const flush = settings.get('innodb_flush_log_at_trx_commit');
  if (flush !== '1') {
    warnings.push(
      `innodb_flush_log_at_trx_commit is ${flush} on the MySQL server: a crash loses timers that were accepted; set it to 1`,
    );
  }
  const sync = settings.get('sync_binlog');
  if (isOn(settings.get('log_bin')) && sync !== '1') {
    warnings.push(
      `sync_binlog is ${sync} on the MySQL server: a crash of its machine may leave replicas without timers that were accepted; set it to 1`,
    );
  }
  if (settings.has('innodb_doublewrite') && !isOn(settings.get('innodb_doublewrite'))) {
    warnings.push('innodb_doublewrite is off on the MySQL server: a crash of its machine may damage the database');
  }
  return warnings;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== 'OFF' && value !== '0';
}
