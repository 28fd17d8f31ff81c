import { stat } from 'node:fs/promises';
import { withClient } from './database-client.ts';
import type { Home } from './punctual.ts';
import { tableSizes } from './table-sizes.ts';
import { tidy } from './tidy.ts';

const megabyte = 1024 * 1024;

/**
 * What a home takes of the disk, in bytes, after it has been tidied: the file and its WAL, or the table `timers` with its indexes. MariaDB and
 * MySQL leave out what the table's file has in reserve.
 */
export async function homeBytes({ engine, databaseUrl }: Home): Promise<number> {
  if (engine === 'sqlite') {
    const path = databaseUrl.slice('sqlite:'.length);
    const sizes = [path, `${path}-wal`].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }
  return withClient(engine, databaseUrl, async (ask) => {
    await tidy(engine, ask);
    const { tableMb, indexesMb } = await tableSizes(engine, ask);
    return (tableMb + indexesMb) * megabyte;
  });
}
