import { Type } from 'typebox';
import { statuses } from '../timer/timer.ts';
import { listTimers, pageSizeDefault, pageSizeMax } from './core/read.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { problemResponses } from './problem.ts';
import { missingShards, nullable, ref } from './schemas.ts';
import { summaryView } from './views.ts';

/** Find timers. */
export function listRoute(app: ApiApp, deps: ApiDeps): void {
  app.get('/timers', { schema: listSchema }, async (request) => {
    const page = await listTimers(deps, request.query);
    return {
      timers: page.timers.map((timer) => summaryView(timer, page.nowMs)),
      next_cursor: page.next,
      missing_shards: [...page.missing],
    };
  });
}

const text = (description: string) => Type.Optional(Type.String({ description }));

const listSchema = {
  tags: ['timers'],
  operationId: 'listTimers',
  summary: 'List timers',
  description:
    'Newest first. A page may be short, or empty, before the end: there is more as long as `next_cursor` is not null. Ended timers are ' +
    'found until they are purged. Where there are several databases, those that do not answer are named, and their timers are missing.',
  querystring: Type.Object(
    {
      status: Type.Optional(Type.Enum([...statuses], { type: 'string' })),
      destination: text('Scheme, host and port, such as `https://example.com`.'),
      tag: text('One of the tags of the timer.'),
      due_from: text('Due at or after (RFC 3339).'),
      due_to: text('Due before (RFC 3339).'),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageSizeMax, default: pageSizeDefault })),
      cursor: text('`next_cursor` of the page before.'),
    },
    { additionalProperties: false },
  ),
  response: {
    200: Type.Object(
      {
        timers: Type.Array(ref.summary),
        next_cursor: nullable(Type.String({ description: 'Null at the end.' })),
        missing_shards: missingShards('Databases that did not answer: their timers are not among these.'),
      },
      { description: 'A page of timers.' },
    ),
    ...problemResponses('invalid_request', 'overloaded', 'store_unavailable'),
  },
};
