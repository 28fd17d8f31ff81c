import { Type } from 'typebox';
import type { ApiDeps } from './deps.ts';
import type { ApiApp } from './http.ts';
import { problemResponses } from './problem.ts';

/** What watches over the process asks for. */
export function healthRoutes(app: ApiApp, deps: ApiDeps): void {
  app.get('/healthz', { schema: aliveSchema }, async () => ({ status: 'alive' as const, version: deps.version }));

  app.get('/readyz', { schema: readySchema }, async (_request, reply) => {
    const { ready, reasons } = deps.health.ready();
    return reply.code(ready ? 200 : 503).send({ ready, reasons: [...reasons] });
  });

  app.get('/metrics', { schema: metricsSchema }, async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
}

const aliveSchema = {
  tags: ['operating'],
  operationId: 'getHealth',
  summary: 'Is the process alive?',
  response: {
    200: Type.Object(
      { status: Type.Enum(['alive'], { type: 'string' }), version: Type.String() },
      { description: 'It is: it answers.' },
    ),
    ...problemResponses(),
  },
};

const readiness = (description: string) =>
  Type.Object(
    { ready: Type.Boolean(), reasons: Type.Array(Type.String(), { description: 'Why not, in plain words.' }) },
    { description },
  );

const readySchema = {
  tags: ['operating'],
  operationId: 'getReadiness',
  summary: 'Should requests come here?',
  description: '503 while the store cannot be reached, the clock is in doubt, or the server is stopping.',
  response: { 200: readiness('Yes.'), 503: readiness('No.'), ...problemResponses() },
};

const metricsSchema = {
  tags: ['operating'],
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  response: {
    200: {
      description: 'In the text format of Prometheus.',
      content: { 'text/plain': { schema: Type.String() } },
    },
    ...problemResponses(),
  },
};
