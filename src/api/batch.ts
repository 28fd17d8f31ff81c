import { type TSchema, Type } from 'typebox';
import { PunctualError } from '../timer/errors.ts';
import type { TimerRequest } from '../timer/request.ts';
import { type Accepted, createTimers, type Order } from './core/create.ts';
import { inTurns } from './core/in-turns.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { createProblems, problemOf, problemResponses } from './problem.ts';
import { ref } from './schemas.ts';
import { asFastifyWants, type ShapeCheck, type Validation } from './validation.ts';
import { acceptedView } from './views.ts';

/** Create many timers in one commit. */
export function batchRoute(app: ApiApp, deps: ApiDeps, validation: Validation): void {
  const { batchMax, batchBytes } = deps.limits;
  const checkItem = validation.bodyCheck(ref.batchItem);
  const checkBody = asFastifyWants(validation.bodyCheck(bodySchema(Type.Unknown(), batchMax)));
  app.post(
    '/timers/batch',
    {
      bodyLimit: batchBytes,
      // Each timer gets a result of its own, so that only what is around them is checked for all.
      validatorCompiler: () => checkBody,
      schema: { ...documentation, body: bodySchema(ref.batchItem, batchMax) },
    },
    async (request) => {
      if (request.headers['idempotency-key'] !== undefined) throw keyOfBatch();
      const orders = await inTurns(request.body.timers, (item) => orderOf(item, checkItem));
      return { results: (await createTimers(deps, orders)).map(resultView) };
    },
  );
}

function keyOfBatch(): PunctualError {
  const detail = 'is not for batches: give each timer an idempotency_key of its own';
  return new PunctualError('invalid_request', { faults: [{ pointer: 'idempotency-key', detail }] });
}

function orderOf(item: unknown, check: ShapeCheck): Order | PunctualError {
  const faults = check(item);
  if (faults.length > 0) return new PunctualError('invalid_request', { faults });
  const { idempotency_key: key, ...request } = item as TimerRequest & { idempotency_key?: string };
  return { request, key };
}

function resultView(outcome: Accepted | PunctualError, index: number) {
  if (outcome instanceof PunctualError) {
    const problem = problemOf(outcome, `/timers/${index}`);
    return { status: problem.status, problem };
  }
  const replayed = outcome.replayed ? { idempotent_replayed: true } : {};
  return { status: 201, timer: acceptedView(outcome), ...replayed };
}

function bodySchema<T extends TSchema>(item: T, timersMax: number) {
  return Type.Object(
    { timers: Type.Array(item, { minItems: 1, maxItems: timersMax }) },
    { additionalProperties: false },
  );
}

const documentation = {
  tags: ['timers'],
  operationId: 'createTimers',
  summary: 'Create many timers at once',
  description:
    'Each timer gets its own result, in the order of the request: stored, or refused with the reason. Those that are stored share one ' +
    'commit: when the answer is a 503, none of them was stored, unless its code is `commit_unknown`. Where there are several databases, ' +
    'there is a commit in each that is needed, and a timer whose database does not take it has a 503 of its own as its result.',
  response: {
    200: Type.Object(
      {
        results: Type.Array(
          Type.Object({
            status: Type.Integer({ description: 'The status that this create would have had by itself.' }),
            timer: Type.Optional(ref.accepted),
            idempotent_replayed: Type.Optional(
              Type.Boolean({ description: 'It was there before, under the same key.' }),
            ),
            problem: Type.Optional(ref.problem),
          }),
        ),
      },
      { description: 'A result for each timer.' },
    ),
    ...problemResponses(...createProblems),
  },
};
