// The limit of lateness: a program that keeps timers in memory alone, by setTimeout, and loses them when it ends.
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { Agent } from 'undici';
import { loopback, ready } from './program.ts';

const app = Fastify();
/** As many connections as Punctual opens to one destination. */
const agent = new Agent({ connections: 64, pipelining: 1 });

app.post<{ Body: { readonly delay: `${number}ms`; readonly url: string } }>('/timers', async (request, reply) => {
  const { delay, url } = request.body;
  const id = randomUUID();
  const delayMs = Number.parseInt(delay, 10);
  const dueAt = Date.now() + delayMs;
  setTimeout(() => void post(`${url}/${id}`), delayMs);
  reply.code(201);
  return { id, due_at: new Date(dueAt).toISOString() };
});

async function post(url: string): Promise<void> {
  const { origin, pathname } = new URL(url);
  const { body } = await agent.request({ origin, method: 'POST', path: pathname });
  await body.dump();
}

ready(await app.listen({ host: loopback, port: 0 }));
