import { SystemClock } from '../clock/system-clock.ts';
import type { Config } from '../config.ts';
import { databaseOf } from './open-store.ts';
import { machineRandom as random } from './random.ts';

/** Opens every database once, which makes and migrates it. Gives a line about each. Throws what keeps one from opening. */
export async function migrateAll(config: Config): Promise<string[]> {
  const lines: string[] = [];
  for (const [shard, url] of config.databaseUrls.entries()) {
    if (url === undefined) continue;
    const database = await databaseOf({
      url,
      shard,
      shards: config.databaseUrls.length,
      config,
      clock: new SystemClock(),
      random,
    });
    const store = await database.open();
    lines.push(`${database.name} is up to date`, ...store.warnings.map((warning) => `  warning: ${warning}`));
    await store.close();
  }
  return lines;
}
