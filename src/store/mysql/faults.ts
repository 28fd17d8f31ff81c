import { type ErrorCode, PunctualError } from '../../timer/errors.ts';

// What the errors of MySQL and MariaDB mean to Punctual. Their numbers:
// https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/

/** An error that the server reported, as mysql2 throws it. */
interface ServerError extends Error {
  readonly errno: number;
  readonly sqlState: string;
}

/** Whether the server said so itself, rather than the connection to it. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'sqlState' in error && 'errno' in error && typeof error.errno === 'number';
}

const unknownDatabase = 1049;
const duplicateEntry = 1062;

/** Failures of a whole transaction that may not repeat: deadlock, lock wait timeout, record changed since it was read. Nothing was done. */
const passing: ReadonlySet<number> = new Set([1213, 1205, 1020]);
/** The user, its password, its rights, or the host that it comes from. */
const denied: ReadonlySet<number> = new Set([
  1044, 1045, 1130, 1142, 1143, 1227, 1251, 1370, 1698, 1820, 1862, 3118, 4151,
]);
/** Disk full, table full. */
const full: ReadonlySet<number> = new Set([1021, 1114]);
/** No space left on the device, as an operating system's number within a message. */
const fullInWords = /\b(?:errno:|error) 28\b/;
/** Reported while a commit was under way: interrupted, shut down, killed, or failed in the log that it was written to. */
const unsettled: ReadonlySet<number> = new Set([1026, 1053, 1180, 1317, 1598, 1927]);
/** SQLSTATE classes of broken constraints and bad SQL: what must not happen. */
const defects = /^(?:2[0-7]|42)/;

export function isPassing(error: unknown): boolean {
  return isServerError(error) && (passing.has(error.errno) || error.sqlState === '40001');
}

export function isDuplicate(error: unknown): boolean {
  return isServerError(error) && error.errno === duplicateEntry;
}

export function isUnknownDatabase(error: unknown): boolean {
  return isServerError(error) && error.errno === unknownDatabase;
}

/** The error of a connection that could not be made: nothing was done. `database` names it, without its password. */
export function connectFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  if (isServerError(error) && denied.has(error.errno)) {
    return fault(
      'store_denied',
      error,
      `${database} does not let us in: check user and password in DATABASE_URL, and the user's rights`,
    );
  }
  return fault('store_unavailable', error, `${database} cannot be reached`);
}

/** The error of a statement before the COMMIT: the server has rolled back, or will. */
export function statementFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  if (!isServerError(error)) return fault('store_unavailable', error, `${database} stopped answering`);
  if (full.has(error.errno) || fullInWords.test(error.message)) {
    return fault('store_full', error, `${database} cannot grow: free space on its disk`);
  }
  if (denied.has(error.errno)) {
    return fault('store_denied', error, `${database} does not let this user do what is needed: grant it`);
  }
  if (defects.test(error.sqlState)) return fault('internal', error, 'a defect in Punctual');
  return fault('store_unavailable', error, `${database} cannot be used for now`);
}

/**
 * The error of what was sent together with a COMMIT. Where the connection is gone nobody knows whether it took effect; where the server
 * reported an error and lives on, it did not.
 */
export function commitFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  if (isServerError(error) && !unsettled.has(error.errno)) return statementFault(error, database);
  return fault('commit_unknown', error, `${database} went away during a commit`);
}

function fault(code: ErrorCode, cause: unknown, what: string): PunctualError {
  // A refused connection to a name with several addresses has no message of its own, but one for each.
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  const detail = causes.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
  return new PunctualError(code, { message: `${what} (${detail})`, cause });
}
