import { join } from 'node:path';
import { type Service, startService } from '../../test/support/service.ts';
import { scratchFolder } from './scratch-folder.ts';

/** Runs `work` with a service of its own on an empty store in a temporary folder; everything is gone afterwards. */
export async function withService<T>(work: (service: Service) => Promise<T>): Promise<T> {
  const folder = await scratchFolder();
  const service = await startService({ databasePath: join(folder.path, 'punctual.db') });
  try {
    return await work(service);
  } finally {
    await service.end('SIGTERM');
    await folder.remove();
  }
}
