import type { ServerEngine } from '../../test/support/servers/database-server.ts';
import type { Ask } from './database-client.ts';

/** How large the table `timers` and its indexes are on disk. MySQL and MariaDB say what they knew some seconds ago. */
export interface TableSizes {
  readonly tableMb: number;
  readonly indexesMb: number;
  /** Counted. */
  readonly liveRows: number;
  /** Rows that wait to be vacuumed; 0 where the engine does not say. */
  readonly deadRows: number;
  /** How often the server has vacuumed the table so far; null where it removes dead rows all the time. */
  readonly vacuums: number | null;
}

const megabyte = 1024 * 1024;

const sizesOf: Readonly<Record<ServerEngine, string>> = {
  postgres: `
    SELECT pg_table_size('timers') AS table_bytes, pg_indexes_size('timers') AS index_bytes,
      (SELECT count(*) FROM timers) AS live_rows,
      (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'timers') AS dead_rows,
      (SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'timers') AS vacuums`,
  mysql: `
    SELECT data_length AS table_bytes, index_length AS index_bytes,
      (SELECT count(*) FROM timers) AS live_rows, 0 AS dead_rows, NULL AS vacuums
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'timers'`,
};

export async function tableSizes(engine: ServerEngine, ask: Ask): Promise<TableSizes> {
  const [row] = await ask(sizesOf[engine]);
  const inMegabytes = (bytes: unknown) => Math.round((Number(bytes) / megabyte) * 10) / 10;
  return {
    tableMb: inMegabytes(row!.table_bytes),
    indexesMb: inMegabytes(row!.index_bytes),
    liveRows: Number(row!.live_rows),
    deadRows: Number(row!.dead_rows),
    vacuums: row!.vacuums === null ? null : Number(row!.vacuums),
  };
}
