import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { sleep } from '../clock/clock.ts';
import { type Fault, PunctualError } from '../timer/errors.ts';
import { formatInstant } from '../timer/instant.ts';
import { type Parsed, parseDuration } from '../timer/request.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { problemResponses } from './problem.ts';
import { withoutSecrets } from './views.ts';

/** So many calls are remembered. */
const echoCallsKept = 100;
/** So many bytes of a call's body are kept and said back. */
const echoBodyBytesMax = 64 * 1024;
const delayMsMax = 30_000;

interface EchoCall {
  readonly received_at: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the whole body, of which `body` may be the beginning. */
  readonly body_bytes: number;
}

/** The built-in receiver, to try things with: says back what it got, and remembers it. */
export async function echoRoutes(app: ApiApp, deps: ApiDeps): Promise<void> {
  const calls: EchoCall[] = [];
  const stopping = new AbortController();
  app.addHook('preClose', async () => stopping.abort());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const wish = parseWish(request.query as Record<string, unknown>);
    if ('faults' in wish) throw new PunctualError('invalid_request', wish);
    const call = callOf(request, deps.clock.now());
    calls.unshift(call);
    calls.length = Math.min(calls.length, echoCallsKept);
    if (wish.value.delayMs > 0) await sleep(deps.clock, wish.value.delayMs, stopping.signal);
    return reply.code(wish.value.status).send(call);
  };

  app.get('/echo', { schema: listSchema }, async () => ({ calls }));
  app.post('/echo', { schema: callSchema }, answer);
  app.route({
    method: app.supportedMethods.filter((method) => !['GET', 'HEAD', 'POST'].includes(method)),
    url: '/echo',
    schema: { hide: true },
    handler: answer,
  });
  app.all('/echo/*', { schema: { hide: true } }, answer);
}

function callOf(request: FastifyRequest, nowMs: number): EchoCall {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return {
    received_at: formatInstant(nowMs),
    method: request.method,
    path: request.url,
    // What is said back is kept with the attempt, where everybody who may read timers can see it.
    headers: withoutSecrets(request.headers),
    body: body.toString('utf8', 0, echoBodyBytesMax),
    body_bytes: body.length,
  };
}

/** How the caller wants to be answered. Other parameters are none of the receiver's business. */
function parseWish(query: Record<string, unknown>): Parsed<{ status: number; delayMs: number }> {
  const faults: Fault[] = [];
  const status = query.status === undefined ? 200 : Number(query.status);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    faults.push({ pointer: 'status', detail: 'must be an HTTP status from 200 to 599' });
  }
  const delayMs = query.delay === undefined ? 0 : parseDuration(String(query.delay));
  if (delayMs === undefined || delayMs < 0 || delayMs > delayMsMax) {
    faults.push({ pointer: 'delay', detail: `must be a duration such as 2s, of at most ${delayMsMax / 1000}s` });
  }
  return faults.length > 0 || delayMs === undefined ? { faults } : { value: { status, delayMs } };
}

const callView = Type.Object(
  {
    received_at: Type.String({ format: 'date-time' }),
    method: Type.String(),
    path: Type.String(),
    headers: Type.Unsafe<IncomingHttpHeaders>({ type: 'object', additionalProperties: true }),
    body: Type.String({ description: 'At most the first 64 KiB.' }),
    body_bytes: Type.Integer({ description: 'Of the whole body.' }),
  },
  { description: 'The call, as it came in.' },
);

const listSchema = {
  tags: ['echo'],
  operationId: 'listEchoCalls',
  summary: 'What the built-in receiver got',
  description: 'The last 100 calls, newest first.',
  response: { 200: Type.Object({ calls: Type.Array(callView) }, { description: 'The calls.' }), ...problemResponses() },
};

const callSchema = {
  tags: ['echo'],
  operationId: 'callEcho',
  summary: 'Call the built-in receiver',
  description:
    'Any method but GET and HEAD here, and any method on every path below. Says back what it got. `status` and `delay` in the query let you ' +
    'try failures: `/echo?status=503&delay=2s`.',
  consumes: ['*/*'],
  response: { 200: callView, ...problemResponses('invalid_request', 'body_too_large') },
};
