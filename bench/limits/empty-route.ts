// The limit of a create: a Fastify route that takes the same request, stores nothing, and answers the same.
import Fastify from 'fastify';
import { loopback, ready } from './program.ts';

const app = Fastify();
app.post('/timers', async (_request, reply) => {
  reply.code(201);
  return answer;
});

const answer = {
  id: '019ab2c0-0000-7000-8000-000000000000',
  status: 'waiting',
  due_at: '2026-01-01T00:00:00.000Z',
  time_left: 86_400,
};

ready(await app.listen({ host: loopback, port: 0 }));
