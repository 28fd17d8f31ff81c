import { type Stats, statSync } from 'node:fs';
import { PunctualError } from '../../timer/errors.ts';

/**
 * Notices that the files of an open database were removed, replaced or cut short. SQLite goes on writing to a file that has lost its name,
 * so that what was accepted would be gone after a restart, and another process could open a new file of that name meanwhile.
 */
export class FileWatch {
  readonly #path: string;
  /** The files that hold what was accepted, and the lock, by their paths: which file each was when the watch began. */
  readonly #files: readonly (readonly [path: string, identity: string | undefined])[];
  /** The database never shrinks while it is open. */
  #sizeMin = 0;
  #fault: PunctualError | undefined;

  /** Begins to watch a database that has just been opened, and locked. */
  constructor(path: string) {
    this.#path = path;
    this.#files = [path, `${path}-wal`, `${path}.lock`].map((file) => [file, identityOf(statsOf(file))]);
  }

  /**
   * Throws `store_unavailable` from the first time on that something is wrong: what has been put back meanwhile is not what SQLite has in
   * memory. It costs three looks at a folder, some microseconds, and so is done before every transaction that writes.
   */
  check(): void {
    this.#fault ??= this.#look();
    if (this.#fault) throw this.#fault;
  }

  #look(): PunctualError | undefined {
    for (const [file, identity] of this.#files) {
      const stats = statsOf(file);
      if (identityOf(stats) !== identity) return goneFault(`${file} was removed or replaced`, this.#path);
      if (file !== this.#path) continue;
      if (stats!.size < this.#sizeMin) return goneFault(`${file} was cut short`, this.#path);
      this.#sizeMin = stats!.size;
    }
    return undefined;
  }
}

/** Undefined for a file that is not there, or cannot be reached by its path any more. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** While a file is open its inode is not given to another, though its name may be. */
function identityOf(stats: Stats | undefined): string | undefined {
  return stats && `${stats.dev}:${stats.ino}`;
}

/** What writes get once something has happened (`what`) to the files of the database at `path`. */
export function goneFault(what: string, path: string): PunctualError {
  return new PunctualError('store_unavailable', {
    message: `${what} under the running service, which writes nothing more: stop it, put ${path} back, and start it again`,
  });
}
