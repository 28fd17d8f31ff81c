/**
 * Every error code of Punctual, with its meaning: clients may rely on the codes. docs/errors.md documents each (a test compares).
 * The HTTP status of a code is chosen in api/problem.ts alone.
 */
export const errorCodes = {
  invalid_request: 'The request breaks a rule; `errors` names each field and rule.',
  malformed_json: 'The body is no JSON.',
  unsupported_media_type: 'The body must be sent as application/json.',
  body_too_large: 'The body is larger than the server takes.',
  invalid_id: 'The id is no UUID.',
  misdirected_host: 'The server is not known under the host name that the request was sent to.',
  not_found: 'There is no such timer, or no such page.',
  method_not_allowed: 'The resource does not know this method.',
  too_late: 'The timer has been sent, or is about to be, so that this can no longer be promised.',
  already_ended: 'The timer has ended in a state from which this is not possible.',
  not_ended: 'This is only possible when the timer has ended; it has not.',
  changed_meanwhile: 'The timer was changed by somebody else again and again while this was tried; try again.',
  idempotency_conflict: 'The idempotency key was used before with another request.',
  overloaded: 'Too much is under way or waiting; nothing was stored.',
  store_unavailable: 'The database does not answer; nothing was stored or changed.',
  store_full: 'The disk or the database is full; nothing was stored or changed.',
  commit_unknown:
    'The database went away during the commit: whether the request took effect is not known. Repeat it with the same Idempotency-Key.',
  internal: 'A defect in Punctual; the log has the details.',
  invalid_configuration: 'A setting is wrong; all faults are listed.',
  cannot_listen: 'The address to listen on cannot be had.',
  store_locked: 'Another process has the database file open.',
  store_denied: 'The database does not let this user in, or do what is needed.',
  store_wrong_shard: 'The database has another place among the shards than the settings say.',
  store_not_a_database: 'The file is no database, or is damaged.',
  store_not_ours: 'The database belongs to another program.',
  store_too_new: 'The database was made by a newer Punctual.',
  store_migration_changed: 'A migration that has run already differs from the one that this program knows.',
  store_unwritable: 'The database file or its folder cannot be written.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** One broken rule of a request: where, and what the rule is. */
export interface Fault {
  /** A JSON pointer into the body (`/headers/host`), or the name of a header or query parameter. Empty for the body as a whole. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ErrorOptions {
  /** For the person who reads it: what happened and what to do. Defaults to the code's meaning. */
  readonly message?: string;
  readonly cause?: unknown;
  readonly faults?: readonly Fault[];
}

/** The base of every error that Punctual throws on purpose. Its message is safe to show to clients: no bodies, no secrets. */
export class PunctualError extends Error {
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? errorCodes[code], options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PunctualError';
    this.code = code;
    this.faults = options.faults ?? [];
  }
}

/** Whether `error` says that the store could not be used for now, and that trying again later makes sense. */
export function isStoreOutage(error: unknown): error is PunctualError {
  return error instanceof PunctualError && storeOutages.has(error.code);
}

const storeOutages: ReadonlySet<ErrorCode> = new Set([
  'store_unavailable',
  'store_full',
  'commit_unknown',
  // A password that is being changed.
  'store_denied',
  // Found while the service runs: what it knows must not be thrown away before somebody has put the file right.
  'store_not_a_database',
]);
