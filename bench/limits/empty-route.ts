// The limit of creates and of status reads: Fastify routes that take the same requests, store and look up nothing, and answer the same.
import Fastify from 'fastify';
import { loopback, ready } from './program.ts';

const app = Fastify();
app.post('/timers', async (_request, reply) => {
  reply.code(201);
  return created;
});
app.get('/timers/:id', async () => timer);

const created = {
  id: '019ab2c0-0000-7000-8000-000000000000',
  status: 'waiting',
  due_at: '2026-01-01T00:00:00.000Z',
  time_left: 86_400,
};
const timer = {
  ...created,
  next_attempt_at: '2026-01-01T00:00:00.000Z',
  created_at: '2025-12-31T00:00:00.000Z',
  url: 'http://127.0.0.1:9/hook',
  method: 'POST',
  tags: [],
  attempts_made: 0,
  ended_at: null,
  headers: {},
  body: null,
  delivery: 'at-least-once',
  retry: { max_attempts: 8, initial: '1s', max: '1h', factor: 5 },
  timeout: '15s',
  append_id: true,
  lateness_ms: null,
  attempts: [],
  idempotency_key: null,
};

ready(await app.listen({ host: loopback, port: 0 }));
