import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PunctualError } from '../../timer/errors.ts';
import { isBusy, openFault } from './faults.ts';
import { FileWatch, goneFault } from './file-watch.ts';
import { migrate } from './migrate.ts';
import type { WorkerData } from './protocol.ts';

/** `Punc` in ASCII, in the field of the file's header that says whose a database is (https://sqlite.org/pragma.html#pragma_application_id). */
const applicationId = 0x50756e63;

/** How long SQLite waits for a lock of its own, in milliseconds: only another program that looks into the file could hold one. */
const busyTimeoutMs = 5_000;

/**
 * What the writer's connection runs with: name, value to set, value that must be read back.
 * - A commit is on the disk when it returns: WAL with FULL, which fsyncs the WAL once for each.
 * - Little memory: 8 MiB of cache hold the ends of the indexes, where the work is; memory-mapped files would count as ours, and turn an
 *   I/O error into a crash.
 * - Every 1,000 pages the writer itself copies the WAL into the file (4 MiB of writing and three fsyncs, in the order of 10 ms). Done by the writer
 *   it reaches the WAL's end, so that the WAL starts over and stays at about 4 MiB; a checkpoint from another thread never catches
 *   up with a busy writer. After a time of long reads, the WAL is cut back to 16 MiB.
 */
const pragmas: readonly (readonly [name: string, value: string, readBack: string | number])[] = [
  ['journal_mode', 'WAL', 'wal'],
  ['synchronous', 'FULL', 2],
  ['cache_size', '-8192', -8192],
  ['mmap_size', '0', 0],
  ['wal_autocheckpoint', '1000', 1000],
  ['journal_size_limit', '16777216', 16777216],
];

/** The absolute path without symbolic links, so that one file has one lock whatever name it is opened by. Throws a PunctualError. */
export function locate(path: string): string {
  if (path === '' || path === ':memory:') {
    throw new PunctualError('invalid_configuration', {
      message: 'timers in memory would be lost with the process: name a file for the database',
    });
  }
  const absolute = resolve(path);
  const folder = dirname(absolute);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new PunctualError('store_unwritable', {
      message: `the folder of ${absolute} does not exist: create it, or choose another file`,
    });
  }
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) {
    throw new PunctualError('store_unwritable', { message: `${absolute} is a folder: name a file in it` });
  }
  return existsSync(absolute) ? realpathSync(absolute) : join(realpathSync(folder), basename(absolute));
}

/** A connection, and what belongs to it. */
export interface OpenFile {
  readonly database: DatabaseSync;
  close(): void;
}

/** The writer's connection, and the lock that keeps other processes out while it is open. */
export interface OpenForWriting extends OpenFile {
  readonly watch: FileWatch;
}

/** Opens the file for writing, makes it where it is missing, and brings its schema up to date. Throws a PunctualError, or what SQLite throws. */
export function openForWriting({ path, pageCountMax, expireLeases }: WorkerData): OpenForWriting {
  const opened: DatabaseSync[] = [];
  const close = () => {
    for (const database of opened) database.close();
  };
  try {
    // The next thread of a service that runs must find what the one before it left.
    if (!expireLeases && !existsSync(path)) throw goneFault(`${path} was removed`, path);
    makePrivate(path);
    const database = connect(path);
    opened.push(database);
    mustBeOurs(database, path);
    // Held until the process ends in whatever way: the kernel lets go of it.
    opened.push(lock(path));
    for (const pragma of pragmas) setPragma(database, pragma, path);
    if (pageCountMax !== null) database.exec(`PRAGMA max_page_count = ${pageCountMax}`);
    migrate(database, { path, applicationId });
    if (expireLeases) expireAllLeases(database);
    return { database, close, watch: new FileWatch(path) };
  } catch (error) {
    close();
    throw error;
  }
}

/** Makes the file, where it is missing, so that only its owner may read it: timers carry secrets. SQLite gives its other files the same rights. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'ax', 0o600));
  } catch {
    // It is there already, or cannot be made: of that SQLite gives the reason.
  }
}

/** Opens the file for reading beside the writer. Throws what SQLite throws. */
export function openForReading({ path }: WorkerData): OpenFile {
  const database = connect(path, { readOnly: true });
  database.exec('PRAGMA cache_size = -2048; PRAGMA mmap_size = 0');
  return { database, close: () => database.close() };
}

function connect(path: string, { readOnly = false } = {}): DatabaseSync {
  return new DatabaseSync(path, { readOnly, timeout: busyTimeoutMs, enableForeignKeyConstraints: false });
}

/** Refuses another program's database, before anything in it is changed. An empty file is nobody's. */
function mustBeOurs(database: DatabaseSync, path: string): void {
  const { application_id: owner } = database.prepare('PRAGMA application_id').get() as { application_id: number };
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
  if (owner === applicationId || (owner === 0 && tables === 0)) return;
  throw new PunctualError('store_not_ours', {
    message: `${path} is another program's database: choose another file`,
  });
}

/**
 * Takes the lock on the file beside the database. It is an empty database in an exclusive transaction that never ends: the operating
 * system's file lock, through SQLite. The database itself cannot be locked so, since then its own reader could not use it.
 */
function lock(path: string): DatabaseSync {
  makePrivate(`${path}.lock`);
  const guard = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    // With the journal in memory no further file comes into being.
    guard.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return guard;
  } catch (error) {
    guard.close();
    if (!isBusy(error)) throw openFault(error, `${path}.lock`);
    throw new PunctualError('store_locked', {
      message: `another process has ${path} open: stop it, or choose another file`,
      cause: error,
    });
  }
}

function setPragma(database: DatabaseSync, [name, value, readBack]: (typeof pragmas)[number], path: string): void {
  database.exec(`PRAGMA ${name} = ${value}`);
  const found = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  if (found === readBack) return;
  throw new PunctualError('store_unwritable', {
    message: `SQLite cannot set ${name} to ${value} on ${path}: put it on a local disk`,
  });
}

/**
 * Lets the leases of dead processes run out at once: nobody else can have had the file open. Owner and mark stay, so that whoever claims
 * such a timer sees that it was taken over.
 */
function expireAllLeases(database: DatabaseSync): void {
  // Walks timers_held.
  database.exec(`UPDATE timers INDEXED BY timers_held
    SET claim_at = min(coalesce(retry_at, due_at), cast(unixepoch('subsec') * 1000 AS INTEGER))
    WHERE bucket = 0 AND owner IS NOT NULL`);
}
