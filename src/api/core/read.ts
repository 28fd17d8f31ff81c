import type { ListQuery, Page } from '../../store/store.ts';
import { type Fault, PunctualError } from '../../timer/errors.ts';
import { parseTimerId, type TimerId } from '../../timer/id.ts';
import { parseInstant } from '../../timer/instant.ts';
import type { Parsed } from '../../timer/request.ts';
import type { Status, Timer } from '../../timer/timer.ts';
import type { CoreDeps } from '../deps.ts';
import { defaultTenant } from './tenant.ts';

/** A client's text as an id. Throws `invalid_id`. */
export function requireTimerId(text: string): TimerId {
  const id = parseTimerId(text);
  if (!id) throw new PunctualError('invalid_id');
  return id;
}

/** One timer. Throws `not_found`, or what the store throws. */
export async function readTimer(deps: Pick<CoreDeps, 'store'>, id: TimerId): Promise<Timer> {
  const timer = await deps.store.get(id);
  if (!timer) throw new PunctualError('not_found', { message: `There is no timer ${id}.` });
  return timer;
}

/** What a client may filter a list by, names as on the wire. */
export interface ListRequest {
  readonly status?: Status;
  readonly destination?: string;
  readonly tag?: string;
  readonly due_from?: string;
  readonly due_to?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export const pageSizeDefault = 50;
export const pageSizeMax = 500;

/** A page of timers, and the moment for which it was made. Throws `invalid_request`, or what the store throws. */
export async function listTimers(deps: CoreDeps, request: ListRequest): Promise<Page & { readonly nowMs: number }> {
  const nowMs = Math.floor(deps.clock.now());
  const query = listQuery(request, nowMs);
  if ('faults' in query) throw new PunctualError('invalid_request', query);
  return { ...(await deps.store.list(query.value)), nowMs };
}

function listQuery(request: ListRequest, nowMs: number): Parsed<ListQuery> {
  const faults: Fault[] = [];
  const parse = <T>(name: 'destination' | 'due_from' | 'due_to' | 'cursor', read: (text: string) => T | undefined) => {
    const text = request[name];
    const value = text === undefined ? undefined : read(text);
    if (text !== undefined && value === undefined) faults.push({ pointer: name, detail: rules[name] });
    return value;
  };
  const query = {
    status: request.status,
    tag: request.tag,
    destination: parse('destination', originOf),
    dueFrom: parse('due_from', parseInstant),
    dueTo: parse('due_to', parseInstant),
    before: parse('cursor', parseTimerId),
  };
  if (faults.length > 0) return { faults };
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
  return { value: { ...given, tenant: defaultTenant, nowMs, limit: request.limit ?? pageSizeDefault } };
}

const instantRule = 'must be an RFC 3339 date and time with an offset, such as 2026-12-24T18:00:00Z (write a + as %2B)';
const rules = {
  destination: 'must be scheme, host and port, such as https://example.com',
  due_from: instantRule,
  due_to: instantRule,
  cursor: 'must be the next_cursor of the page before',
};

function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.origin : undefined;
}
