import { type ErrorCode, PunctualError } from '../../timer/errors.ts';

// What PostgreSQL's errors mean to Punctual. SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html

/** An error that the server reported, as `pg` throws it. */
interface ServerError extends Error {
  readonly code: string;
  readonly severity: string;
  readonly detail?: string;
}

/** Whether the server said so itself, rather than the connection to it. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';
}

/** What a transaction throws that met something which is gone by now: it is to be run again from its beginning. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** Failures of a whole transaction that may not repeat: serialization, deadlock, lock timeout. Nothing was done. */
const passing: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);

export function isPassing(error: unknown): boolean {
  if (error instanceof Overtaken) return true;
  return isServerError(error) && passing.has(error.code) && !isLast(error);
}

/** Where a server does not speak English, its severities do not either: then these codes are taken for a session's end. */
const lastCodes = /^(57P|08|53|58|XX|25P0[34])/;

/** Whether it is the last that the session has said. */
function isLast({ severity, code }: ServerError): boolean {
  if (severity === 'ERROR') return false;
  return severity === 'FATAL' || severity === 'PANIC' || lastCodes.test(code);
}

/** Whether the connection is as good as before the error: nothing is under way on it, and its server can do what is asked. */
export function leavesConnection(error: unknown): boolean {
  if (error instanceof PunctualError || error instanceof Overtaken) return true;
  return isServerError(error) && !isLast(error) && !away.has(error.code);
}

/** The user, its password, or its rights. */
const denied = /^28|^42501$/;
/** Disk full, and a limit that an administrator has set on a database or a table space. */
const full = /^53100$/;
/** Broken constraints and bad SQL: what must not happen. */
const defects = /^(0A|2[0-7]|42|P0)/;
/** The server is going away, or takes no writes: it is starting, stopping, or a standby. */
const away: ReadonlySet<string> = new Set(['25006']);

/** The error of a connection that could not be made: nothing was done. `database` names it, without its password. */
export function connectFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  // `pg` itself gives up where a password is asked for and there is none, or the server does not know it either.
  const isRefused = isServerError(error)
    ? denied.test(error.code)
    : error instanceof Error && /^SASL/.test(error.message);
  if (isRefused) {
    return fault('store_denied', error, `${database} does not let us in: check user and password in DATABASE_URL`);
  }
  return fault('store_unavailable', error, `${database} cannot be reached`);
}

/** The error of a CREATE DATABASE. `database` names what there is not. */
export function createFault(error: unknown, database: string): PunctualError {
  if (isServerError(error) && denied.test(error.code)) {
    const remedy = 'make it, with the encoding UTF8, or let the user in DATABASE_URL make it (ALTER ROLE … CREATEDB)';
    return fault('store_denied', error, `there is no database ${database}: ${remedy}`);
  }
  return statementFault(error, database);
}

/** The error of a statement, or of what came before the COMMIT of several: the server has rolled back, or will. */
export function statementFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  if (error instanceof Overtaken) return fault('store_unavailable', error, `${database} is changing too fast`);
  if (!isServerError(error) || isLast(error)) {
    return fault('store_unavailable', error, `${database} stopped answering`);
  }
  if (full.test(error.code)) return fault('store_full', error, `${database} cannot grow: free space on its disk`);
  if (error.code === '23505') return fault('internal', error, `stored already: ${error.detail ?? ''}`);
  if (denied.test(error.code)) {
    return fault('store_denied', error, `${database} does not let this user do what is needed: grant it`);
  }
  if (defects.test(error.code) && !away.has(error.code)) return fault('internal', error, 'a defect in Punctual');
  return fault('store_unavailable', error, `${database} cannot be used for now`);
}

/**
 * The error of a statement that commits by itself, or of a COMMIT. Where the connection is gone nobody knows whether it took effect; where
 * the server reported an error and lives on, it did not.
 */
export function commitFault(error: unknown, database: string): PunctualError {
  if (error instanceof PunctualError) return error;
  if (isServerError(error) && !isLast(error)) return statementFault(error, database);
  return fault('commit_unknown', error, `${database} went away during a commit`);
}

function fault(code: ErrorCode, cause: unknown, what: string): PunctualError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new PunctualError(code, { message: `${what} (${detail})`, cause });
}
