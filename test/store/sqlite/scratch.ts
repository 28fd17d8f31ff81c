import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteStore, type SqliteStoreOptions } from '../../../src/store/sqlite/store.ts';
import type { TestContext } from '../conformance.ts';

/** A folder that goes when the test ends. */
export async function scratchFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-store-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A new database in a folder of its own, or the one at `path`; closed when the test ends. */
export async function openStore(
  context: TestContext,
  { path, ...options }: Partial<SqliteStoreOptions> = {},
): Promise<SqliteStore> {
  let store: SqliteStore | undefined;
  // Registered before the folder's removal: hooks run in this order.
  context.after(() => store?.close());
  store = await SqliteStore.open({ path: path ?? join(await scratchFolder(context), 'punctual.db'), ...options });
  return store;
}
