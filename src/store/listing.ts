import type { Destination } from '../timer/destination.ts';
import { attemptAt, type Status } from '../timer/timer.ts';
import { decodeTags, type ListedRow } from './rows.ts';
import type { ListQuery } from './store.ts';

/** Whether a list shows the row. */
export function matches(
  [, tenant, dueAt, retryAt, , owner, , url, spec, status]: ListedRow,
  query: ListQuery,
): boolean {
  return (
    tenant === query.tenant &&
    (query.status === undefined || query.status === (status ?? openStatus())) &&
    (query.destination === undefined || isFor(url, query.destination)) &&
    (query.tag === undefined || decodeTags(spec).includes(query.tag)) &&
    (query.dueFrom === undefined || dueAt >= query.dueFrom) &&
    (query.dueTo === undefined || dueAt < query.dueTo)
  );

  function openStatus(): Status {
    return owner !== null && attemptAt({ dueAt, retryAt }) <= query.nowMs ? 'executing' : 'waiting';
  }
}

/** A URL as `Spec` has it always has a slash behind its destination. */
function isFor(url: string, destination: Destination): boolean {
  return url.startsWith(destination) && url[destination.length] === '/';
}
