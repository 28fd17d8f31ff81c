import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode, PunctualError } from '../timer/errors.ts';
import type { ApiDeps } from './deps.ts';
import { asPunctualError, isOutage, sendProblem } from './problem.ts';

/** While an outage lasts, each code is logged at most once in this time, in milliseconds. */
const quietMs = 1_000;

/** Answers whatever was thrown while a request was handled, and logs it. */
export class Refusals {
  readonly #deps: Pick<ApiDeps, 'logger' | 'clock' | 'observe'>;
  readonly #outages = new Map<ErrorCode, { since: number; unsaid: number }>();

  constructor(deps: Pick<ApiDeps, 'logger' | 'clock' | 'observe'>) {
    this.#deps = deps;
  }

  readonly answer = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = asPunctualError(thrown, request.routeOptions.bodyLimit);
    this.#log(error, { method: request.method, route: request.routeOptions.url });
    return sendProblem(reply, error);
  };

  /** The route's pattern is logged, not the URL: clients put secrets into queries. */
  #log(error: PunctualError, where: { method: string; route: string | undefined }): void {
    const { logger } = this.#deps;
    if (error.code === 'internal') logger.error({ err: error.cause ?? error, ...where }, 'request failed');
    else if (isOutage(error)) this.#logOutage(error, where);
    else if (logger.isLevelEnabled('debug')) {
      logger.debug({ code: error.code, faults: error.faults, ...where }, 'request refused');
    }
  }

  #logOutage(error: PunctualError, where: object): void {
    this.#deps.observe.refused();
    const now = this.#deps.clock.monotonic();
    const last = this.#outages.get(error.code);
    if (last && now - last.since < quietMs) {
      last.unsaid += 1;
      return;
    }
    this.#outages.set(error.code, { since: now, unsaid: 0 });
    const also = last?.unsaid ? { others_since: last.unsaid } : {};
    // A queue that is full has no story behind it; what a store says of itself has.
    const story = error.cause === undefined ? {} : { err: error.cause };
    this.#deps.logger.warn({ code: error.code, reason: error.message, ...story, ...also, ...where }, 'request refused');
  }
}
