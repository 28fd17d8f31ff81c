import { Type } from 'typebox';
import type { ErrorCode } from '../timer/errors.ts';
import { PunctualError } from '../timer/errors.ts';
import type { TimerId } from '../timer/id.ts';
import type { Timer } from '../timer/timer.ts';
import { cancelTimer, fireTimer, resolveTimer, retryTimer } from './core/change.ts';
import { requireTimerId } from './core/read.ts';
import type { ApiDeps, CoreDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { changeProblems, problemResponses } from './problem.ts';
import { idParams, ref } from './schemas.ts';
import { timerView } from './views.ts';

/** A verdict that needs nothing but the timer's id. */
interface PlainVerdict {
  readonly verb: string;
  readonly carryOut: (deps: CoreDeps, id: TimerId) => Promise<Timer>;
  readonly summary: string;
  readonly description: string;
  readonly refusals: readonly ErrorCode[];
}

const plainVerdicts: readonly PlainVerdict[] = [
  {
    verb: 'cancel',
    carryOut: cancelTimer,
    summary: 'Cancel a timer',
    description:
      '200 is a promise: the call was never sent and never will be. When that can no longer be promised the answer is `too_late`. ' +
      'Cancelling a cancelled timer is fine.',
    refusals: ['too_late'],
  },
  {
    verb: 'fire',
    carryOut: fireTimer,
    summary: 'Send now',
    description: 'Makes a waiting timer due at once, or its next attempt.',
    refusals: ['too_late', 'already_ended'],
  },
  {
    verb: 'retry',
    carryOut: retryTimer,
    summary: 'Send a failed or uncertain timer again',
    description: 'At once, and with all its attempts allowed anew.',
    refusals: ['already_ended', 'not_ended'],
  },
];

/** What people decide about a timer. */
export function verdictRoutes(app: ApiApp, deps: ApiDeps): void {
  for (const verdict of plainVerdicts) {
    app.post(`/timers/:id/${verdict.verb}`, { schema: verdictSchema(verdict) }, async (request) => {
      refuseBody(request.body);
      const timer = await verdict.carryOut(deps, requireTimerId(request.params.id));
      return timerView(timer, deps.clock.now());
    });
  }
  app.post('/timers/:id/resolve', { schema: resolveSchema }, async (request) => {
    const timer = await resolveTimer(deps, requireTimerId(request.params.id), request.body.as);
    return timerView(timer, deps.clock.now());
  });
}

/** Many clients send an empty object where nothing is to be said. Anything else would be ignored without a word. */
function refuseBody(body: unknown): void {
  if (body === undefined || body === null) return;
  if (typeof body === 'object' && !Array.isArray(body) && Object.keys(body).length === 0) return;
  throw new PunctualError('invalid_request', {
    faults: [{ pointer: '', detail: 'must be empty: this call takes no body' }],
  });
}

function verdictSchema({ verb, summary, description, refusals }: PlainVerdict) {
  return {
    tags: ['verdicts'],
    operationId: `${verb}Timer`,
    summary,
    description,
    params: idParams,
    response: { 200: ref.timer, ...problemResponses(...changeProblems, ...refusals) },
  };
}

const resolveSchema = {
  tags: ['verdicts'],
  operationId: 'resolveTimer',
  summary: 'Say what became of a timer',
  description:
    'For an `uncertain` timer, once you have looked: it was `done`, it `failed`, or `retry` it. For a timer between two attempts, `failed` ' +
    'or `done` stops its retries.',
  params: idParams,
  body: Type.Object(
    { as: Type.Enum(['done', 'failed', 'retry'], { type: 'string' }) },
    { additionalProperties: false, examples: [{ as: 'done' }] },
  ),
  response: { 200: ref.timer, ...problemResponses(...changeProblems, 'too_late', 'already_ended', 'not_ended') },
};
