import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuard } from '../../test/support/servers/guard.ts';

/** A folder of the bench's own. */
export interface ScratchFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

/** Makes a temporary folder, which is gone when this process has ended, however it ends: there may be gigabytes in it. */
export async function scratchFolder(): Promise<ScratchFolder> {
  const path = await mkdtemp(join(tmpdir(), 'punctual-bench-'));
  const guard = startGuard('cat > /dev/null; rm -rf "$1"', path);
  return { path, remove: () => guard.release() };
}
