import type { ServerEngine } from '../../test/support/servers/database-server.ts';
import type { Ask } from './database-client.ts';

/** What a server does by itself after a mass insert, done now, so that it does not fall into one round or another. */
export async function tidy(engine: ServerEngine, ask: Ask): Promise<void> {
  if (engine === 'mysql') await ask('ANALYZE TABLE timers');
  else {
    await ask('VACUUM (ANALYZE) timers');
    await ask('CHECKPOINT');
  }
}
