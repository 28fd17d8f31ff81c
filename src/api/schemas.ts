import { type Static, type TSchema, Type } from 'typebox';
import type { RequestRules, TimerRequest } from '../timer/request.ts';
import { methods, statuses } from '../timer/timer.ts';
import { keyPattern, nestingKeyword } from './validation.ts';

// What goes over the wire. These schemas check requests, write replies, and make /openapi.json.

/** A schema that may also be null. */
export function nullable<T extends TSchema & { type: string }>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] });
}

const instant = (description: string) => Type.String({ format: 'date-time', description });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const texts = (description: string) =>
  Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' }, description });

const id = Type.String({
  format: 'uuid',
  description: 'A UUIDv7.',
  examples: ['019ab1c2-6f00-7000-8000-3f1d2c4b5a69'],
});
const status = Type.Enum([...statuses], {
  type: 'string',
  description:
    '`waiting`, `executing`, `done` (the receiver answered 2xx), `failed`, `cancelled` (was never sent and never will be), ' +
    '`uncertain` (at-most-once, and it is not known whether the receiver got the call)',
});
const timeLeft = count('Whole seconds until `due_at`, rounded up; 0 once it has come or the timer has ended.');
const dueAt = instant('When the call is to be made.');

/** The databases that an answer has nothing of. */
export const missingShards = (description: string) =>
  Type.Array(Type.Integer({ minimum: 0 }), { description: `${description} By number; empty where all answered.` });

/** The id in a path. Its form is checked by the handler, which has an error of its own for it. */
export const idParams = Type.Object({ id });

export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'A URN that names the kind of problem: `urn:punctual:error:{code}`.' }),
    title: Type.String({ description: 'What the code means.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What happened this time.' }),
    code: Type.String({ description: 'Stable: rely on this one.', examples: ['invalid_request'] }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'A JSON pointer into the body, or the name of a parameter or header.' }),
          detail: Type.String({ description: 'The rule that is broken.' }),
        }),
        { description: 'Each broken rule of the request.' },
      ),
    ),
  },
  { $id: 'Problem', description: 'Problem details, RFC 9457.' },
);

export const acceptedSchema = Type.Object(
  { id, status: Type.Enum(['waiting'], { type: 'string' }), due_at: dueAt, time_left: timeLeft },
  { $id: 'AcceptedTimer', description: 'A timer that has just been stored.' },
);
export type AcceptedView = Static<typeof acceptedSchema>;

const attemptSchema = Type.Object({
  number: count('1 for the first.'),
  outcome: Type.Enum(['delivered', 'rejected', 'unreachable', 'unknown', 'blocked'], {
    type: 'string',
    description:
      '`delivered` 2xx, `rejected` any other status, `unreachable` provably unsent, `unknown` bytes may have left but no answer ' +
      'came, `blocked` the target is not allowed',
  }),
  started_at: nullable(instant('When the call began; null where that was lost with a controller.')),
  duration_ms: nullable(Type.Number({ minimum: 0, description: 'To the end of the exchange, in milliseconds.' })),
  status: nullable(Type.Integer({ description: 'The HTTP status that came back.' })),
  error: nullable(Type.String({ description: 'What went wrong, in plain words.' })),
  response: nullable(Type.String({ description: 'The start of the response, at most 1 KiB.' })),
});

const summaryFields = {
  id,
  status,
  time_left: timeLeft,
  due_at: dueAt,
  next_attempt_at: nullable(instant('When the next attempt is to be made; null once the timer has ended.')),
  created_at: instant('When the timer was created.'),
  url: Type.String({ format: 'uri', description: 'Where the call goes, without the id that is appended.' }),
  method: Type.Enum([...methods], { type: 'string' }),
  tags: Type.Array(Type.String()),
  attempts_made: count('How many attempts there were.'),
  ended_at: nullable(instant('When the timer ended; null while it has not.')),
};

export const summarySchema = Type.Object(summaryFields, { $id: 'TimerSummary', description: 'A timer in a list.' });
export type SummaryView = Static<typeof summarySchema>;

export const timerSchema = Type.Object(
  {
    ...summaryFields,
    headers: texts(
      'Names in lower case. Values that look secret (authorization, cookies, keys, tokens) are shown as `…`.',
    ),
    body: nullable(Type.String({ description: 'The text that is sent; null for none.' })),
    delivery: Type.Enum(['at-least-once', 'at-most-once'], { type: 'string' }),
    retry: Type.Object({
      max_attempts: count('Attempts in all.'),
      initial: Type.String({ description: 'The longest pause after the first failed attempt.' }),
      max: Type.String({ description: 'No pause is longer.' }),
      factor: Type.Number({ description: 'Each pause may be this many times as long as the one before.' }),
    }),
    timeout: Type.String({ description: 'A deadline for each whole exchange.' }),
    append_id: Type.Boolean({ description: 'Whether `/{id}` is appended to the path of `url`.' }),
    lateness_ms: nullable(
      Type.Number({ description: 'How long after `due_at` the first attempt began, in milliseconds.' }),
    ),
    attempts: Type.Array(attemptSchema, { description: 'The newest 50, oldest first.' }),
    idempotency_key: nullable(Type.String({ description: 'The key that the timer was created with.' })),
  },
  { $id: 'Timer', description: 'A timer in full.' },
);
export type TimerView = Static<typeof timerSchema>;

/** References to the schemas above, so that the documentation names each once. */
export const ref = {
  accepted: Type.Unsafe<AcceptedView>({ $ref: 'AcceptedTimer#' }),
  summary: Type.Unsafe<SummaryView>({ $ref: 'TimerSummary#' }),
  timer: Type.Unsafe<TimerView>({ $ref: 'Timer#' }),
  newTimer: Type.Unsafe<TimerRequest>({ $ref: 'NewTimer#' }),
  batchItem: Type.Unsafe<unknown>({ $ref: 'BatchTimer#' }),
  timerPatch: Type.Unsafe<Partial<TimerRequest>>({ $ref: 'TimerPatch#' }),
  problem: Type.Unsafe<Static<typeof problemSchema>>({ $ref: 'Problem#' }),
};

export const keySchema = Type.String({
  pattern: keyPattern,
  description:
    'Makes a repeated create harmless: the same key with the same request gets the first answer again, with another request 409. ' +
    '1 to 255 visible ASCII characters.',
});

const exampleUrl = 'http://127.0.0.1:8080/echo';
/** No text that says a time or a duration is longer. */
const timeCharsMax = 64;
const bodyNestingMax = 100;

/** What clients may send; the limits are the operator's. */
export function requestSchemas(rules: RequestRules) {
  const when = whenFields();
  const { url, ...content } = contentFields(rules);
  const fields = { url, ...when, ...content };
  const optional = { ...when, ...content, url: Type.Optional(url) };
  const strict = { additionalProperties: false };
  return {
    newTimer: Type.Object(fields, {
      ...strict,
      $id: 'NewTimer',
      description:
        'What to call, and when: one of `hours`/`minutes`/`seconds`, `delay`, `at`, or `local` with `timezone`.',
      examples: [{ url: exampleUrl, delay: '90s', body: { order: 4711 } }],
    }),
    batchItem: Type.Object(
      { ...fields, idempotency_key: Type.Optional(keySchema) },
      {
        ...strict,
        $id: 'BatchTimer',
        description: 'As `NewTimer`, with an idempotency key of its own.',
        examples: [{ url: exampleUrl, delay: '90s', idempotency_key: 'order-4711' }],
      },
    ),
    timerPatch: Type.Object(optional, {
      ...strict,
      $id: 'TimerPatch',
      minProperties: 1,
      description: 'What shall change; all else stays.',
      examples: [{ delay: '2h' }],
    }),
  };
}

function whenFields() {
  const text = (description: string, ...examples: string[]) =>
    Type.Optional(Type.String({ maxLength: timeCharsMax, description, examples }));
  return {
    hours: Type.Optional(Type.Integer({ minimum: 0, description: 'From now; adds up with `minutes` and `seconds`.' })),
    minutes: Type.Optional(Type.Integer({ minimum: 0 })),
    seconds: Type.Optional(Type.Integer({ minimum: 0 })),
    delay: text('From now: an ISO 8601 duration, or short.', 'PT1H30M', '1h30m', '90s', '250ms'),
    at: text('An instant: RFC 3339, with an offset.', '2026-12-24T18:00:00+01:00'),
    local: text(
      'A local date and time, with `timezone`. One that the clock skips moves forward; of one that comes twice, the first is meant.',
      '2026-12-24T18:00',
    ),
    timezone: text('An IANA time zone, with `local`.', 'Europe/Berlin'),
  };
}

function contentFields(rules: RequestRules) {
  const duration = (description: string, ...examples: string[]) =>
    Type.Optional(Type.String({ maxLength: timeCharsMax, description, examples }));
  return {
    url: Type.String({
      format: 'uri',
      minLength: 1,
      maxLength: rules.urlCharsMax,
      description:
        'Where to send the call: http or https, no user name or password in it. The id is appended to its path.',
      examples: [exampleUrl],
    }),
    method: Type.Optional(Type.Enum([...methods], { type: 'string', default: 'POST' })),
    headers: Type.Optional(
      Type.Unsafe<Record<string, string>>({
        type: 'object',
        additionalProperties: { type: 'string' },
        maxProperties: rules.headersMax,
        description: `At most ${rules.headerBytesMax} bytes together. Those of the connection, and \`webhook-*\` and \`punctual-*\`, cannot be set.`,
        examples: [{ 'x-order': '4711' }],
      }),
    ),
    body: Type.Optional(
      Type.Unsafe<unknown>({
        [nestingKeyword]: bodyNestingMax,
        description: 'Text is sent as it is, anything else as JSON; null or nothing for no body.',
        examples: [{ order: 4711 }],
      }),
    ),
    delivery: Type.Optional(
      Type.Enum(['at-least-once', 'at-most-once'], {
        type: 'string',
        default: 'at-least-once',
        description:
          'When it cannot be known whether the receiver got a call: send it again (with the same `webhook-id`), or never again; ' +
          'the timer is then `uncertain`.',
      }),
    ),
    retry: Type.Optional(
      Type.Object(
        {
          max_attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: rules.attemptsMax })),
          initial: duration('The longest pause after the first failed attempt.', '1s'),
          max: duration('No pause is longer.', '1h'),
          factor: Type.Optional(
            Type.Number({
              minimum: 1,
              maximum: 100,
              description: 'Each pause may be this many times as long as the one before.',
            }),
          ),
        },
        { additionalProperties: false, description: 'Without it: 8 attempts, pauses of up to 1 s, 5 s, 25 s, … 1 h.' },
      ),
    ),
    timeout: duration('A deadline for each whole exchange.', '15s'),
    tags: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: rules.tagCharsMax }), {
        maxItems: rules.tagsMax,
        description: 'To find the timer by.',
        examples: [['orders']],
      }),
    ),
    append_id: Type.Optional(
      Type.Boolean({ default: true, description: "Whether the timer's id is appended to the path of `url`." }),
    ),
  };
}
