import { Type } from 'typebox';
import { statusAt, statuses } from '../timer/timer.ts';
import { createTimer } from './core/create.ts';
import { readTimer, requireTimerId } from './core/read.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { createProblems, problemResponses } from './problem.ts';
import { idParams, keySchema } from './schemas.ts';
import { acceptedView, timeLeft } from './views.ts';

/** The contract of the system that Punctual grew out of, for its clients. */
export function legacyRoutes(app: ApiApp, deps: ApiDeps): void {
  app.post('/timer', { schema: createSchema(deps.rules.urlCharsMax) }, async (request, reply) => {
    const accepted = await createTimer(deps, {
      request: { hours: 0, minutes: 0, seconds: 1, ...request.body },
      key: request.headers['idempotency-key'],
    });
    if (accepted.replayed) reply.header('idempotent-replayed', 'true');
    const { id, time_left } = acceptedView(accepted);
    return { id, time_left };
  });

  app.get('/timer/:id', { schema: readSchema }, async (request) => {
    const timer = await readTimer(deps, requireTimerId(request.params.id));
    const nowMs = deps.clock.now();
    return { id: timer.id, status: statusAt(timer, nowMs), time_left: timeLeft(timer, nowMs) };
  });
}

const id = Type.String({ format: 'uuid' });
const wholeSeconds = Type.Integer({ minimum: 0, description: 'Whole seconds.' });
const part = (preset: number) => Type.Optional(Type.Integer({ minimum: 0, default: preset }));

function createSchema(urlCharsMax: number) {
  return {
    tags: ['original contract'],
    operationId: 'createTimerOriginal',
    summary: 'Create a timer',
    headers: Type.Object({ 'idempotency-key': Type.Optional(keySchema) }),
    body: Type.Object(
      {
        hours: part(0),
        minutes: part(0),
        seconds: part(1),
        url: Type.String({ format: 'uri', minLength: 1, maxLength: urlCharsMax }),
      },
      {
        additionalProperties: false,
        examples: [{ hours: 0, minutes: 0, seconds: 3, url: 'http://127.0.0.1:8080/echo' }],
      },
    ),
    response: {
      200: Type.Object({ id, time_left: wholeSeconds }, { description: 'The timer is stored.' }),
      ...problemResponses(...createProblems, 'idempotency_conflict'),
    },
  };
}

const readSchema = {
  tags: ['original contract'],
  operationId: 'getTimerOriginal',
  summary: 'Read a timer',
  params: idParams,
  response: {
    200: Type.Object(
      { id, status: Type.Enum([...statuses], { type: 'string' }), time_left: wholeSeconds },
      { description: 'The timer.' },
    ),
    ...problemResponses('invalid_id', 'not_found', 'store_unavailable'),
  },
};
