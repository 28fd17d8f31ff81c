import type { OpenApi, Operation, Parameter } from '../api/documented-answers.ts';
import { oddJson } from './json-text.ts';
import { mistaken } from './mistakes.ts';
import type { Schema } from './schema.ts';
import { type Material, validValue } from './values.ts';

/** A request before it is bytes. */
export interface FuzzRequest {
  /** The operation that it was made for. */
  readonly operation: string;
  readonly method: string;
  /** Path and query, as they are sent. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer;
  /** Whether the body goes in chunks, whose sum nobody declares. */
  readonly chunked: boolean;
  /** Whether nothing was done to it on purpose. */
  readonly isValid: boolean;
}

export interface Route {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** Those that are heavy come seldom; one that is new in the document comes by itself. */
const weights: Readonly<Record<string, number>> = {
  createTimer: 14,
  createTimers: 4,
  changeTimer: 8,
  createTimerOriginal: 4,
  getStats: 0.5,
  getMetrics: 0.3,
  getReadiness: 0.5,
  getHealth: 0.5,
  listEchoCalls: 0.1,
  callEcho: 1,
};
const weightUsual = 4;

/** Every operation of the document, but those that never end. */
export function routesOf(document: OpenApi): (readonly [weight: number, route: Route])[] {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const ending = routes.filter(({ operation }) => !operation.responses[200]?.content?.['text/event-stream']);
  return ending.map((route) => [weights[route.operation.operationId] ?? weightUsual, route]);
}

const otherMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const otherPaths = [
  '/',
  '/docs',
  '/docs/json',
  '/openapi.json',
  '/nothing',
  '/timers/a/b',
  '/timers//cancel',
  '//',
  '/%',
  '/%ff',
];

/** A request for the route, which may be right or have something wrong in one place. */
export function requestFor(material: Material, { path, method, operation }: Route): FuzzRequest {
  const { chance } = material;
  const wrong = chance.weighted<'nothing' | 'parameter' | 'body' | 'header' | 'method' | 'path'>([
    [50, 'nothing'],
    [10, 'parameter'],
    [operation.requestBody ? 30 : 3, 'body'],
    [6, 'header'],
    [2, 'method'],
    [1, 'path'],
  ]);
  const body = bodyFor(material, operation, wrong === 'body');
  const chunked = body !== undefined && chance.hits(0.1);
  return {
    operation: operation.operationId,
    method: wrong === 'method' ? chance.pick(otherMethods) : method,
    url:
      wrong === 'path'
        ? chance.pick(otherPaths)
        : urlFor(material, { path, operation, isWrong: wrong === 'parameter' }),
    headers: headersFor(material, operation, { hasBody: body !== undefined, isWrong: wrong === 'header' }),
    ...(body === undefined ? {} : { body }),
    chunked,
    isValid: wrong === 'nothing',
  };
}

/** In a path: what is no id, and what is another thing once it is decoded. */
const oddIds = [
  'x',
  '',
  '%00',
  '%2e%2e',
  '..',
  '%ff',
  '%',
  'a%2Fb',
  '{id}',
  'null',
  '%F0%9F%98%80',
  '0'.repeat(10_000),
  '*',
  ';',
];

function urlFor(
  material: Material,
  { path, operation, isWrong }: { path: string; operation: Operation; isWrong: boolean },
): string {
  const parameters = operation.parameters ?? [];
  const queries = parameters.filter((parameter) => parameter.in === 'query');
  const filled = path.replaceAll(/\{(\w+)\}/g, () => idFor(material, isWrong));
  const query = queryFor(material, queries, isWrong);
  return query === '' ? filled : `${filled}?${query}`;
}

function idFor({ chance, ids }: Material, isWrong: boolean): string {
  const id = ids.pick(chance);
  if (isWrong) return chance.pick([...oddIds, id.toUpperCase(), `${id}%20`, id.slice(1), id.replaceAll('-', '')]);
  return chance.hits(0.05) ? id.replace(/^.{8}/, '00000000') : id;
}

function queryFor(material: Material, parameters: readonly Parameter[], isWrong: boolean): string {
  const { chance } = material;
  const pairs = parameters
    .filter(({ required }) => required || chance.hits(0.25))
    .map(({ name, schema }) => [name, textFor(material, { name, schema, isWrong: isWrong && chance.hits(0.5) })]);
  if (isWrong) {
    pairs.push(['x', '1'], ...pairs.slice(0, 1));
    return chance.pick([
      queryText(pairs),
      '&&=&a',
      '%ff=%',
      '__proto__=1',
      'limit=1&limit=2',
      'a[b]=c',
      'x'.repeat(20_000),
    ]);
  }
  return queryText(pairs);
}

const queryText = (pairs: readonly (readonly string[])[]) =>
  pairs.map(([name, value]) => `${name}=${encodeURIComponent(value!.toWellFormed())}`).join('&');

function textFor(material: Material, parameter: { name: string; schema: Schema; isWrong: boolean }): string {
  const value = validValue(material, parameter.schema, parameter.name);
  const text = parameter.isWrong ? mistaken(material, parameter.schema, value) : value;
  return typeof text === 'string' ? text : JSON.stringify(text);
}

function bodyFor(material: Material, operation: Operation, isWrong: boolean): Buffer | undefined {
  const { chance } = material;
  const schema = operation.requestBody?.content['application/json']?.schema;
  if (!schema) return isWrong ? Buffer.from(chance.pick(['{}', '{"a":1}', '[]', 'x', ''])) : undefined;
  const value = validValue(material, schema);
  if (!isWrong) return Buffer.from(JSON.stringify(value));
  if (chance.hits(0.6)) return Buffer.from(JSON.stringify(mistaken(material, schema, value)));
  return oddJson(chance, JSON.stringify(value));
}

const mediaTypes = [
  'text/plain',
  'application/json; charset=latin1',
  'application/json;charset=UTF-8',
  'multipart/form-data',
  'x',
  '',
];
const oddHeaders = [
  ['content-encoding', 'gzip'],
  ['expect', '100-continue'],
  ['expect', 'the unexpected'],
  ['host', 'example.com'],
  ['accept', 'text/html;q=0.1'],
  ['range', 'bytes=0-0'],
  ['if-none-match', '*'],
  ['connection', 'close'],
  ['x-forwarded-for', "'; --"],
  ['cookie', 'a='.repeat(2_000)],
  ['upgrade', 'h2c'],
  ['idempotency-key', ''],
  ['idempotency-key', 'x'.repeat(256)],
  ['idempotency-key', 'a b'],
  ['idempotency-key', '\xe9'],
  ['x-long', 'y'.repeat(17_000)],
  ['__proto__', '1'],
] as const;

function headersFor(
  material: Material,
  operation: Operation,
  { hasBody, isWrong }: { hasBody: boolean; isWrong: boolean },
) {
  const { chance } = material;
  const headers: [string, string][] = [];
  const mediaType = isWrong && chance.hits(0.3) ? chance.pick(mediaTypes) : 'application/json';
  if (hasBody && mediaType !== '') headers.push(['content-type', mediaType]);
  for (const { in: place, name, schema } of operation.parameters ?? []) {
    if (place === 'header' && chance.hits(0.3))
      headers.push([name, textFor(material, { name, schema, isWrong: false })]);
  }
  if (isWrong) headers.push([...chance.pick(oddHeaders)]);
  return headers;
}

/** The request as it goes over the wire to this host. */
export function bytesOf(request: FuzzRequest, host: string): Buffer {
  const { method, url, body, chunked } = request;
  const headers = request.headers.some(([name]) => name === 'host')
    ? request.headers
    : [['host', host], ...request.headers];
  const length = body === undefined ? [] : [chunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`];
  const lines = [
    `${method} ${url} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...length,
    '',
    '',
  ];
  const head = Buffer.from(lines.join('\r\n'), 'latin1');
  if (body === undefined) return head;
  return Buffer.concat(chunked ? [head, ...chunksOf(body)] : [head, body]);
}

const chunkBytes = 5_000;

function chunksOf(body: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes);
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return [...chunks, Buffer.from('0\r\n\r\n')];
}
