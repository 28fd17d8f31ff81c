import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startGuard } from '../../support/servers/guard.ts';

const run = promisify(execFile);

// Unmounts however the process ends; `-l` since a server may still be going down.
const guardScript = `
  while read -r _; do :; done
  umount -l "$1" && rmdir "$1"
`;

/** Lets an ordinary user mount, and run a database server as another one. SQLite needs no `--map-auto`. */
const inOwnNamespace = 'unshare --map-root-user --map-auto --mount';

const largePiece = Buffer.alloc(1024 ** 2);
const smallPiece = Buffer.alloc(4_096);

/** A file system of its own, small enough to be filled in moments. It is in memory: only what processes do to its files is harmed, not its power. */
export class SmallDisk {
  readonly folder: string;
  readonly #ballast: string;
  readonly #remove: () => Promise<void>;

  private constructor(folder: string, remove: () => Promise<void>) {
    this.folder = folder;
    this.#ballast = join(folder, 'ballast');
    this.#remove = remove;
  }

  /** Mounts one; gives the reason where this process may not. */
  static async mount(megabytes: number): Promise<SmallDisk | string> {
    const folder = await mkdtemp(join(tmpdir(), 'punctual-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=1777`, 'tmpfs', folder]);
    } catch (error) {
      await rmdir(folder);
      const why = /^mount: .*$/m.exec(String(error))?.[0] ?? String(error);
      return `no small file system could be mounted (${why}): run it as root, or behind ${inOwnNamespace}`;
    }
    const guard = startGuard(guardScript, folder);
    return new SmallDisk(folder, () => guard.release());
  }

  /** Takes all the space that is left. */
  async fill(): Promise<void> {
    const file = await open(this.#ballast, 'a');
    try {
      for (const piece of [largePiece, smallPiece]) await writeUntilFull(() => file.appendFile(piece));
    } finally {
      await file.close();
    }
  }

  /** Gives it back. */
  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  async remove(): Promise<void> {
    await this.#remove();
  }
}

async function writeUntilFull(write: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await write();
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
  }
}
