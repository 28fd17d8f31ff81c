import Fastify from 'fastify';
import type { PeerQueue } from './peer.ts';

const loopback = '127.0.0.1';

const schema = {
  body: {
    type: 'object',
    required: ['url'],
    oneOf: [{ required: ['delay'] }, { required: ['seconds'] }],
    additionalProperties: false,
    properties: {
      seconds: { type: 'number', minimum: 0, maximum: 3_153_600_000 },
      delay: { type: 'string', pattern: '^\\d{1,12}(ms|s|m|h|d)$' },
      url: { type: 'string', format: 'uri', pattern: '^https?://', maxLength: 2_048 },
    },
  },
  // Fastify serialises faster what it knows the shape of (https://fastify.dev/docs/latest/Reference/Validation-and-Serialization).
  response: {
    201: { type: 'object', properties: { id: { type: 'string' }, due_at: { type: 'string' } } },
  },
} as const;

/** One of the ways in which Punctual is told when a timer is due, or the other. */
type Body = { readonly url: string } & ({ readonly delay: string } | { readonly seconds: number });

/** What a service over the queue would be at the least: `POST /timers`, as Punctual's, on a free port. */
export async function startApi(queue: PeerQueue): Promise<{ readonly url: string; close(): Promise<void> }> {
  const app = Fastify();
  app.post<{ Body: Body }>('/timers', { schema }, async ({ body }, reply) => {
    const delayMs = 'seconds' in body ? Math.round(body.seconds * 1_000) : delayMsOf(body.delay);
    const dueAt = Date.now() + delayMs;
    const id = await queue.create({ url: body.url, delayMs });
    reply.code(201);
    return { id, due_at: new Date(dueAt).toISOString() };
  });
  const url = await app.listen({ host: loopback, port: 0 });
  return { url, close: () => app.close() };
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Of a delay that fits the schema's pattern: 90000 of `90s`. */
function delayMsOf(delay: string): number {
  const [, count, unit] = /^(\d+)(\D+)$/.exec(delay)!;
  return Number(count) * unitsMs[unit!]!;
}
