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

/** Asks the server. Throws `invalid_configuration` where it is too old. */
export async function inspectServer(ask: (sql: string) => Promise<Answer>, { shown }: Address): Promise<ServerFacts> {
  // Touches no table.
  const { rows } = await ask(`SELECT VERSION(), @@GLOBAL.max_allowed_packet, @@GLOBAL.innodb_flush_log_at_trx_commit,
    @@GLOBAL.log_bin, @@GLOBAL.sync_binlog, @@GLOBAL.innodb_doublewrite`);
  const [version, packetBytesMax, ...durability] = rows[0]!;
  mustBeNewEnough(String(version), shown);
  return { packetBytesMax: Number(packetBytesMax), warnings: durabilityWarnings(durability.map(String)) };
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

/** A commit that is answered must be on the disk. */
export function durabilityWarnings([flush, logBin, syncBinlog, doublewrite]: readonly string[]): string[] {
  const warnings: string[] = [];
  if (flush !== '1') {
    warnings.push(
      `innodb_flush_log_at_trx_commit is ${flush} on the MySQL server: a crash loses timers that were accepted; set it to 1`,
    );
  }
  if (logBin !== '0' && logBin !== 'OFF' && syncBinlog !== '1') {
    warnings.push(
      `sync_binlog is ${syncBinlog} on the MySQL server: a crash of its machine may leave replicas without timers that were accepted; set it to 1`,
    );
  }
  if (doublewrite === '0' || doublewrite === 'OFF') {
    warnings.push('innodb_doublewrite is off on the MySQL server: a crash of its machine may damage the database');
  }
  return warnings;
}
