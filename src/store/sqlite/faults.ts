import { type ErrorCode, PunctualError } from '../../timer/errors.ts';
import type { WireError } from './protocol.ts';

// What SQLite's errors mean to Punctual. Result codes: https://sqlite.org/rescode.html

/** An error as node:sqlite throws it; the lower byte of `errcode` is the primary result code. */
interface SqliteError extends Error {
  readonly errcode: number;
}

const sqlite = { ioerr: 10, corrupt: 11, full: 13, constraint: 19, notadb: 26, busy: 5 } as const;

function primaryCode(error: unknown): number | undefined {
  return isSqliteError(error) ? error.errcode & 0xff : undefined;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

export function isConstraintFault(error: unknown): error is SqliteError {
  return primaryCode(error) === sqlite.constraint;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === sqlite.busy;
}

/** What went wrong while a statement ran on an open database. */
export function runFault(error: unknown, path: string): PunctualError {
  if (error instanceof PunctualError) return error;
  switch (primaryCode(error)) {
    case undefined:
      return fault('internal', error, 'a defect in Punctual');
    case sqlite.full:
      return fault('store_full', error, `${path} cannot grow: free space on its disk`);
    case sqlite.corrupt:
    case sqlite.notadb:
      return fault('store_not_a_database', error, damaged(path));
    default:
      return fault('store_unavailable', error, `${path} cannot be used for now`);
  }
}

/** What went wrong in a COMMIT. A failed write or fsync may have left a whole commit behind, to be found when the file is next opened. */
export function commitFault(error: unknown, path: string): PunctualError {
  if (primaryCode(error) !== sqlite.ioerr) return runFault(error, path);
  return fault('commit_unknown', error, `a commit to ${path} failed on its way to the disk`);
}

/** What went wrong while the file at `path` was being opened. */
export function openFault(error: unknown, path: string): PunctualError {
  if (error instanceof PunctualError) return error;
  switch (primaryCode(error)) {
    case undefined:
      return fault('internal', error, `a defect in Punctual, found while opening ${path}`);
    case sqlite.full:
      return fault('store_full', error, `${path} cannot grow: free space on its disk, then start again`);
    case sqlite.corrupt:
    case sqlite.notadb:
      return fault('store_not_a_database', error, damaged(path));
    case sqlite.busy:
      return fault('store_locked', error, `another process has ${path} open: stop it, or choose another file`);
    default:
      return fault(
        'store_unwritable',
        error,
        `${path} cannot be written: make it and its folder writable, on a disk that works and has room`,
      );
  }
}

export function toWire(error: PunctualError): WireError {
  return { code: error.code, message: error.message };
}

export function fromWire({ code, message }: WireError): PunctualError {
  return new PunctualError(code, { message });
}

function damaged(path: string): string {
  return `${path} is no database, or is damaged: restore a copy, or choose another file`;
}

function fault(code: ErrorCode, cause: unknown, what: string): PunctualError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new PunctualError(code, { message: `${what} (${detail})`, cause });
}
