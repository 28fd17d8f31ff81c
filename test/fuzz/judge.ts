import { statusByCode } from '../../src/api/problem.ts';
import type { DocumentedAnswers, Operation } from '../api/documented-answers.ts';
import type { Answer } from './answers.ts';
import type { FuzzRequest } from './requests.ts';

/** The request could not be read: Node's server, not the service's routes, found that out, so that no operation documents it. */
const unreadable = [400, 408, 431];
/** What Node's own server answers without a body: a request without `host`, and an expectation that nobody can meet. */
const bareStatuses = [400, 417];
/** A 503 of the readiness probe is no refusal: it says why, and is documented. */
const readiness = '/readyz';

/** What is wrong with the answer to a request, in words; undefined for a right one. */
export function faultOf(documented: DocumentedAnswers, request: FuzzRequest, answer: Answer): string | undefined {
  const fault = generalFault(answer, { isProbe: request.url === readiness });
  if (fault) return fault;
  const { status } = answer;
  const operation = documented.operationOf(request);
  if (!operation) return unknownRouteFault(request, answer);
  if (isFromTheParser(answer)) return undefined;
  const call = { method: request.method, url: request.url, status, contentType: typeOf(answer), body: answer.body };
  const undocumented = documented.faultOf(call);
  if (undocumented) return undocumented;
  if (status === 201 && answer.headers.get('location') !== `/timers/${idIn(answer)}`)
    return 'the location is not that of the timer';
  return status < 300
    ? takenFault(documented, operation, { sent: jsonOf(request.body), answered: jsonOf(answer.body) })
    : undefined;
}

interface BatchResult {
  readonly status: number;
  readonly timer?: unknown;
  readonly idempotent_replayed?: boolean;
  readonly problem?: { readonly status: number };
}

/** What was taken must be what the document allows; of a batch, each timer that was stored. */
function takenFault(
  documented: DocumentedAnswers,
  operation: Operation,
  { sent, answered }: { readonly sent: unknown; readonly answered: unknown },
): string | undefined {
  const { results } = (answered ?? {}) as { readonly results?: readonly BatchResult[] };
  if (!results) return undocumentedBody(documented.bodyFaultOf(operation, sent));
  const { timers } = sent as { readonly timers: readonly unknown[] };
  if (results.length !== timers.length) return `it has ${results.length} results for ${timers.length} timers`;
  const odd = results.find(({ status, timer, problem }) =>
    status === 201 ? !timer : problem?.status !== status || status === 500,
  );
  if (odd) return `a result is ${JSON.stringify(odd)}`;
  const stored = timers.filter((_timer, at) => results[at]!.status === 201);
  return stored.length === 0 ? undefined : undocumentedBody(documented.bodyFaultOf(operation, { timers: stored }));
}

function undocumentedBody(fault: string | undefined): string | undefined {
  return fault && `it took a body that is not as documented: ${fault}`;
}

/** What no answer may be, whatever it answers; all that can be said where the request is not known to be one. */
export function generalFault(answer: Answer, { isProbe = false } = {}): string | undefined {
  const { status, body } = answer;
  if (status >= 500) return isProbe && status === 503 ? undefined : outageFault(answer);
  if (status >= 400) return refusalFault(answer);
  if (!typeOf(answer).includes('json') || body === '') return undefined;
  const value = jsonOf(body) as { identity_holds?: unknown; audit?: { equal?: unknown } } | undefined;
  if (value === undefined) return 'it is no JSON, but says so';
  if (value.identity_holds === false) return 'the identity of /stats does not hold';
  return value.audit?.equal === false ? 'the audit of /stats is not equal' : undefined;
}

/** Only a 503 that says when to come again is honest. */
function outageFault(answer: Answer): string | undefined {
  if (answer.status !== 503) return `it is a ${answer.status}`;
  if (!(Number(answer.headers.get('retry-after')) > 0)) return 'it is a 503 without Retry-After';
  return refusalFault(answer);
}

function refusalFault(answer: Answer): string | undefined {
  const { status, body } = answer;
  // An answer to HEAD has none either.
  if (body === '') return undefined;
  if (!/^application\/problem\+json(;|$)/.test(typeOf(answer))) return `it is a ${status} as ${typeOf(answer)}`;
  const problem = jsonOf(body) as Record<string, unknown> | undefined;
  const { code, title, detail, type } = problem ?? {};
  if (problem?.status !== status) return `it is a ${status} whose problem says ${problem?.status}`;
  if (!isFromTheParser(answer) && statusByCode[code as keyof typeof statusByCode] !== status)
    return `${code} is no code of a ${status}`;
  const texts = [title, detail].every((text) => typeof text === 'string' && text !== '');
  return texts && type === `urn:punctual:error:${code}`
    ? undefined
    : 'its problem is not as RFC 9457 and docs/errors.md want it';
}

function isFromTheParser(answer: Answer): boolean {
  const { status, headers, body } = answer;
  if (body === '') return bareStatuses.includes(status);
  return headers.get('connection') === 'close' && unreadable.includes(status) && /"code":"invalid_request"/.test(body);
}

/** Pages that are there, though the document does not name them. */
const unnamedPages = /^\/(docs|openapi\.json|echo)?($|[/?])/;

/** Beside the documented operations there is nothing, but for a few pages. HEAD goes where GET does. */
function unknownRouteFault({ method, url }: FuzzRequest, { status, headers }: Answer): string | undefined {
  if (status === 405) return headers.get('allow') ? undefined : 'it is a 405 without Allow';
  if (status >= 400 || method === 'HEAD' || unnamedPages.test(url)) return undefined;
  return `it is a ${status}, but the document knows no ${method} ${url}`;
}

function typeOf({ headers }: Answer): string {
  return headers.get('content-type') ?? '';
}

/** The id in a created timer's answer. */
export function idIn({ body }: Answer): string | undefined {
  return (jsonOf(body) as { id?: string } | undefined)?.id;
}

/** How many timers the answer says are stored now and were not before; what is no answer to a create says none. */
export function createdBy({ status, headers, body }: Answer): number {
  if (status >= 300 || headers.has('idempotent-replayed')) return 0;
  if (headers.has('location')) return status === 201 ? 1 : 0;
  const { results, id, ...rest } = (jsonOf(body) ?? {}) as { results?: readonly BatchResult[]; id?: string };
  if (results) return results.filter((result) => result.status === 201 && !result.idempotent_replayed).length;
  // The original's create answers with these two alone.
  return id !== undefined && Object.keys(rest).join() === 'time_left' ? 1 : 0;
}

/** A byte order mark is no part of the text (RFC 8259, section 8.1). */
function jsonOf(text: Buffer | string | undefined): unknown {
  try {
    return JSON.parse((text ?? '').toString().replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}
