import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { PunctualError } from '../timer/errors.ts';
import { inexactIntegers } from './inexact-integers.ts';

/** The server as the route files know it: the types of requests and replies follow from the schemas. */
export type ApiApp = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

/** Bodies are JSON; an empty one counts as none. Names that could poison a prototype are refused. */
export function acceptJsonOnly(app: ApiApp): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const refusal = refuseEncoding(request.headers, body);
    if (refusal) return done(refusal);
    const text = textOf(body);
    if (text === '') return done(null, undefined);
    parse(request, text, (error, value) => {
      if (error) return done(malformed(text));
      const faults = inexactIntegers(text);
      done(faults.length > 0 ? new PunctualError('invalid_request', { faults }) : null, value);
    });
  });
}

/** JSON is UTF-8 (RFC 8259, section 8.1): bytes that are not would be replaced in silence. */
function refuseEncoding(headers: IncomingHttpHeaders, body: Buffer): PunctualError | undefined {
  const encoding = headers['content-encoding'] ?? 'identity';
  const charset = /;\s*charset="?([^\s";]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (encoding !== 'identity' || !/^utf-?8$/i.test(charset)) {
    return new PunctualError('unsupported_media_type', {
      message: 'The body must be sent as application/json in UTF-8, and not compressed.',
    });
  }
  return isUtf8(body) ? undefined : new PunctualError('malformed_json', { message: 'The body is not in UTF-8.' });
}

/** Without a byte order mark, which may be ignored (RFC 8259, section 8.1), and which JSON.parse does not know. */
function textOf(body: Buffer): string {
  return body.toString().replace(/^\ufeff/, '');
}

function malformed(text: string): PunctualError {
  return new PunctualError('malformed_json', { message: `The body is no JSON that is accepted: ${faultOf(text)}.` });
}

/** Where the fault is, as far as V8's message tells. */
function faultOf(text: string): string {
  try {
    JSON.parse(text);
    return 'a field is named __proto__, or constructor with a prototype in it';
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = /line \d+ column \d+/.exec(message);
    if (position) return `see ${position[0]}`;
    const token = /^Unexpected token '(.+?)'/s.exec(message);
    return token ? `${token[1]} is unexpected` : 'it ends too early';
  }
}

/** Collects which methods each path of `app` knows, and returns what answers all others with 405. Called before the routes are made. */
export function watchMethods(app: ApiApp): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methodsByUrl.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methodsByUrl.set(url, known);
  });
  return () => {
    for (const [url, known] of [...methodsByUrl]) refuseOtherMethods(app, url, [...known]);
  };
}

function refuseOtherMethods(app: ApiApp, url: string, known: readonly string[]): void {
  const others = app.supportedMethods.filter((method) => !known.includes(method));
  if (others.length === 0) return;
  const allow = known.join(', ');
  app.route({
    method: others,
    url,
    schema: { hide: true },
    // Before the body is read: whether that is acceptable does not matter.
    onRequest: async (_request, reply) => {
      reply.header('allow', allow);
      throw new PunctualError('method_not_allowed', { message: `The methods of this resource are ${allow}.` });
    },
    handler: () => undefined,
  });
}

/** Bodies that are smaller than this are not worth counting: how many there are is bounded by the connections. */
const largeBodyBytes = 16_384;
/** Of all larger bodies that are being read or handled, together so many bytes may have arrived. */
const largeBodiesBytesMax = 64 * 1024 * 1024;

/**
 * Refuses large bodies while those under way fill the memory that is meant for them: before it is read where its length is declared,
 * else as soon as it grows too far. What has not arrived takes no memory, and is not counted.
 */
export function boundLargeBodies(app: ApiApp): void {
  let arrived = 0;
  app.addHook('preParsing', (request, reply, payload, done) => {
    const chunked = request.headers['transfer-encoding'] !== undefined;
    const declared = Number(request.headers['content-length'] ?? 0);
    // What is too large is refused by its own rule.
    if (!chunked && !(declared > largeBodyBytes && declared <= request.routeOptions.bodyLimit))
      return done(null, payload);
    const full = () => new PunctualError('overloaded', { message: bodiesFull });
    if (arrived + declared > largeBodiesBytesMax) return done(full());
    let own = 0;
    reply.raw.once('close', () => {
      arrived -= own;
    });
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        own += chunk.length;
        arrived += chunk.length;
        next(arrived > largeBodiesBytesMax ? full() : null, chunk);
      },
    });
    payload.once('error', (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  });
}

const bodiesFull = 'Too many large requests are under way; nothing was stored.';
