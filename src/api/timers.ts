import { Type } from 'typebox';
import { editTimer } from './core/change.ts';
import { createTimer } from './core/create.ts';
import { readTimer, requireTimerId } from './core/read.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { changeProblems, createProblems, problemResponses } from './problem.ts';
import { idParams, keySchema, ref } from './schemas.ts';
import { acceptedView, timerView } from './views.ts';

/** Create, read and change one timer. */
export function timerRoutes(app: ApiApp, deps: ApiDeps): void {
  app.post('/timers', { schema: createSchema }, async (request, reply) => {
    const accepted = await createTimer(deps, { request: request.body, key: request.headers['idempotency-key'] });
    reply.code(201).header('location', `/timers/${accepted.id}`);
    if (accepted.replayed) reply.header('idempotent-replayed', 'true');
    return acceptedView(accepted);
  });

  app.get('/timers/:id', { schema: readSchema }, async (request) => {
    const timer = await readTimer(deps, requireTimerId(request.params.id));
    return timerView(timer, deps.clock.now());
  });

  app.patch('/timers/:id', { schema: editSchema }, async (request) => {
    const timer = await editTimer(deps, requireTimerId(request.params.id), request.body);
    return timerView(timer, deps.clock.now());
  });
}

const createSchema = {
  tags: ['timers'],
  operationId: 'createTimer',
  summary: 'Create a timer',
  description:
    'Answers once the timer is safely on disk. With an `Idempotency-Key` a repeated request gets the first answer again, byte for ' +
    'byte, with `idempotent-replayed: true`.',
  headers: Type.Object({ 'idempotency-key': Type.Optional(keySchema) }),
  body: ref.newTimer,
  response: {
    201: ref.accepted,
    ...problemResponses(...createProblems, 'idempotency_conflict'),
  },
};

const readSchema = {
  tags: ['timers'],
  operationId: 'getTimer',
  summary: 'Read a timer',
  description: 'Its state, what is or was sent, and every attempt. Header values that look secret are shown as `…`.',
  params: idParams,
  response: { 200: ref.timer, ...problemResponses('invalid_id', 'not_found', 'store_unavailable') },
};

const editSchema = {
  tags: ['timers'],
  operationId: 'changeTimer',
  summary: 'Reschedule a timer, or change what it sends',
  description:
    'Fields that are left out stay as they are; `headers`, `retry` fields and `tags` that are given replace the old ones.',
  params: idParams,
  body: ref.timerPatch,
  response: {
    200: ref.timer,
    ...problemResponses(...changeProblems, 'too_late', 'already_ended'),
  },
};
