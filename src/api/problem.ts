import type { FastifyReply } from 'fastify';
import { type ErrorCode, errorCodes, type Fault, isStoreOutage, PunctualError } from '../timer/errors.ts';

/** The HTTP status of each code. Those of the configuration and of a store that cannot be opened reach no client; were one to, it is a 500. */
export const statusByCode: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  malformed_json: 400,
  unsupported_media_type: 415,
  body_too_large: 413,
  invalid_id: 400,
  misdirected_host: 421,
  not_found: 404,
  method_not_allowed: 405,
  too_late: 409,
  already_ended: 409,
  not_ended: 409,
  changed_meanwhile: 409,
  idempotency_conflict: 409,
  overloaded: 503,
  store_unavailable: 503,
  store_full: 503,
  commit_unknown: 503,
  internal: 500,
  invalid_configuration: 500,
  cannot_listen: 500,
  store_locked: 500,
  store_denied: 503,
  store_wrong_shard: 500,
  store_not_a_database: 503,
  store_not_ours: 500,
  store_too_new: 500,
  store_migration_changed: 500,
  store_unwritable: 500,
};

/** RFC 9457, with `code` and `errors` as extensions. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: Fault[];
}

const problemMediaType = 'application/problem+json';

/** At most this many faults are named in one answer. */
const faultsShown = 50;

/**
 * The error as a client sees it. Of a defect it learns nothing but that there is one. `at` is the JSON pointer of the part of the body
 * that the error is about, where that is not the whole.
 */
export function problemOf(error: PunctualError, at = ''): Problem {
  const status = statusByCode[error.code];
  const title = errorCodes[error.code];
  return {
    type: `urn:punctual:error:${error.code}`,
    title,
    status,
    detail: status === 500 ? title : detailOf(error, at),
    code: error.code,
    ...(error.faults.length > 0 ? { errors: shownFaults(error.faults, at) } : {}),
  };
}

/** What a person needs to know first. An error that says nothing of its own is told by its first fault. */
function detailOf(error: PunctualError, at: string): string {
  const [first, ...more] = error.faults;
  if (!first || error.message !== errorCodes[error.code]) return error.message;
  const others = more.length === 0 ? '' : ` (and ${more.length} more: see errors)`;
  return `${at}${first.pointer} ${first.detail}${others}`.trimStart();
}

function shownFaults(faults: readonly Fault[], at: string): Fault[] {
  const shown = faults.slice(0, faultsShown).map(({ pointer, detail }) => ({ pointer: at + pointer, detail }));
  const more = faults.length - shown.length;
  return more > 0 ? [...shown, { pointer: at, detail: `has ${more} more faults` }] : shown;
}

/** Clients are asked to wait this long after a 503, in seconds. */
const retryAfterSeconds = 1;

/** Answers with the error, in application/problem+json. */
export function sendProblem(reply: FastifyReply, error: PunctualError): FastifyReply {
  const problem = problemOf(error);
  if (problem.status === 503) reply.header('retry-after', retryAfterSeconds);
  return reply.code(problem.status).type(problemMediaType).send(JSON.stringify(problem));
}

/** What Fastify throws, in our words; `bodyLimit` is that of the route. Anything that is not expected becomes `internal`, with its cause. */
export function asPunctualError(error: unknown, bodyLimit: number | undefined): PunctualError {
  if (error instanceof PunctualError) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new PunctualError('body_too_large', { message: `The body is larger than ${bodyLimit} bytes.` });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new PunctualError('unsupported_media_type');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      // The only parameters in paths are ids.
      return new PunctualError('invalid_id');
    case 'FST_ERR_BAD_URL':
      return new PunctualError('invalid_request', { message: 'The path is not percent-encoded as it should be.' });
  }
  // Such as a client that goes away, or miscounts its own body.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new PunctualError('invalid_request', { message: 'The request could not be read to its end.', cause: error });
  }
  return new PunctualError('internal', { cause: error });
}

/** Whether the error says that the server cannot do its work for now; there may be very many of them in a row. */
export function isOutage(error: PunctualError): boolean {
  return error.code === 'overloaded' || isStoreOutage(error);
}

/** The whole answer, status line included, to bytes that are no HTTP request: there is no reply to send it through. */
export function rawProblem(errorCode: string | undefined): string {
  const [status, reason] = rawStatuses[errorCode ?? ''] ?? [400, 'Bad Request'];
  const problem: Problem = {
    ...problemOf(new PunctualError('invalid_request', { message: 'This is no HTTP request that could be read.' })),
    status,
  };
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${status} ${reason}`,
    'connection: close',
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** By the codes of Node's HTTP parser and server. */
const rawStatuses: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

/** What can be wrong with the body of any call. */
const bodyProblems = [
  'invalid_request',
  'malformed_json',
  'unsupported_media_type',
  'body_too_large',
  'overloaded',
] as const satisfies readonly ErrorCode[];
/** Why the store may not have written. */
const writeProblems = ['store_unavailable', 'store_full', 'commit_unknown'] as const satisfies readonly ErrorCode[];

/** The refusals of every call that creates timers. */
export const createProblems: readonly ErrorCode[] = [...bodyProblems, ...writeProblems];
/** The refusals of every call that changes a timer. */
export const changeProblems: readonly ErrorCode[] = [
  ...bodyProblems,
  'invalid_id',
  'not_found',
  'changed_meanwhile',
  ...writeProblems,
];

/** For the documentation of a route: the answers with these codes, and those that every route can give. */
export function problemResponses(...codes: ErrorCode[]): object {
  const responses: Record<number, { description: string; content: object }> = {};
  for (const code of [...codes, 'misdirected_host' as const, 'internal' as const]) {
    const status = statusByCode[code];
    const line = `\`${code}\`: ${errorCodes[code]}`;
    responses[status] = {
      description: responses[status] ? `${responses[status].description}\n\n${line}` : line,
      content: { [problemMediaType]: { schema: { $ref: 'Problem#' } } },
    };
  }
  return responses;
}
