import { Type } from 'typebox';
import type { ControllerSeen, Counts } from '../store/store.ts';
import { formatInstant } from '../timer/instant.ts';
import { type Audit, audit, readStats } from './core/stats.ts';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { problemResponses } from './problem.ts';
import { missingShards, nullable } from './schemas.ts';

/** The numbers. */
export function statsRoute(app: ApiApp, deps: ApiDeps): void {
  app.get('/stats', { schema: statsSchema }, async (request) => {
    const { counts, identityHolds, controllers } = await readStats(deps);
    return {
      ...numbersView(counts),
      identity_holds: identityHolds,
      overdue: counts.overdue,
      oldest_overdue_at: counts.oldestOverdueAt === null ? null : formatInstant(counts.oldestOverdueAt),
      lateness_ms: deps.measures?.lateness() ?? null,
      rates: deps.measures?.rates() ?? null,
      controllers: controllers.map(controllerView),
      missing_shards: [...counts.missing],
      shards: shardsView(deps),
      ...(request.query.audit ? { audit: auditView(await audit(deps)) } : {}),
    };
  });
}

function numbersView(counts: Counts) {
  const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  return { accepted, waiting, executing, done, failed, cancelled, uncertain, purged };
}

function controllerView({ owner, startedAt, seenAt }: ControllerSeen) {
  return { owner, started_at: formatInstant(startedAt), seen_at: formatInstant(seenAt) };
}

function shardsView({ shards }: ApiDeps) {
  return shards?.().map(({ number, up, draining }) => ({ number, up, draining })) ?? null;
}

function auditView({ counted, equal }: Audit) {
  return { ...numbersView(counted), equal };
}

const count = Type.Integer({ minimum: 0 });
const numbers = {
  accepted: count,
  waiting: count,
  executing: count,
  done: count,
  failed: count,
  cancelled: count,
  uncertain: count,
  purged: count,
};
const nullableNumber = nullable(Type.Number());

const latenessSchema = Type.Object(
  {
    count,
    p50: nullableNumber,
    p90: nullableNumber,
    p99: nullableNumber,
    max: nullableNumber,
  },
  {
    description:
      'First byte sent minus the time that the attempt was due, of the last minutes; null where this process does not send.',
  },
);

const ratesSchema = Type.Object(
  { created: Type.Number(), fired: Type.Number() },
  { description: 'Timers per second, over the last minutes; null where this process does not measure.' },
);

const controllersSchema = Type.Array(
  Type.Object({
    owner: Type.String({ description: 'Host, process, and a name of this run.' }),
    started_at: Type.String({ format: 'date-time' }),
    seen_at: Type.String({ format: 'date-time', description: 'When it last said that it is alive.' }),
  }),
  { description: 'The controllers that said so within the last ten seconds.' },
);

const shardsSchema = Type.Unsafe<{ number: number; up: boolean; draining: boolean }[] | null>({
  type: ['array', 'null'],
  items: Type.Object({
    number: Type.Integer({ minimum: 0, description: 'Its place in DATABASE_URL, from 0.' }),
    up: Type.Boolean({ description: 'Whether it answers this process.' }),
    draining: Type.Boolean({ description: 'Whether it takes no new timers.' }),
  }),
  description: 'The databases; null where there is one.',
});

const auditSchema = Type.Object({
  ...numbers,
  equal: nullable(Type.Boolean({ description: 'Whether both counts agree; null where too much changed meanwhile.' })),
});

const statsView = Type.Object(
  {
    ...numbers,
    identity_holds: Type.Boolean({ description: 'Whether `accepted` is the sum of the others.' }),
    overdue: Type.Integer({ minimum: 0, description: "Timers that are due and in no controller's hands." }),
    oldest_overdue_at: nullable(
      Type.String({ format: 'date-time', description: 'Since when the oldest of them is due.' }),
    ),
    lateness_ms: nullable(latenessSchema),
    rates: nullable(ratesSchema),
    controllers: controllersSchema,
    missing_shards: missingShards('Databases that did not answer: their timers are not counted.'),
    shards: shardsSchema,
    audit: Type.Optional(auditSchema),
  },
  { description: 'The numbers.' },
);

const statsSchema = {
  tags: ['operating'],
  operationId: 'getStats',
  summary: 'Counts, lateness, rates',
  description:
    'At every moment `accepted = waiting + executing + done + failed + cancelled + uncertain + purged`, of the databases that answered.',
  querystring: Type.Object(
    {
      audit: Type.Optional(
        Type.Boolean({ description: 'Also count the timers one by one, and compare. Slow where there are many.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: { 200: statsView, ...problemResponses('invalid_request', 'store_unavailable') },
};
