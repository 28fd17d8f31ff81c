import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySwaggerUiOptions } from '@fastify/swagger-ui';

/** What /openapi.json says besides what the routes say themselves. */
export function openApi(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Punctual',
        version,
        description:
          'A durable webhook timer service: say which URL to call and when, and it is called then, whatever fails meanwhile.\n\n' +
          'Times are RFC 3339 in UTC. Every error is `application/problem+json` with a stable `code` and, where a request breaks a rule, ' +
          'a JSON pointer to each fault. A 503 carries `Retry-After`, and means that nothing was stored or changed, unless its code is ' +
          '`commit_unknown`: repeat such a create under the same `Idempotency-Key`.\n\n' +
          'To try it without a receiver of your own, let it call `/echo` on this server (the examples take port 8080), then look at `GET /echo`.',
      },
      tags: [
        { name: 'timers', description: 'Create, read, list and change timers.' },
        { name: 'verdicts', description: 'Cancel, send now, send again, resolve. 409 says why it is too late.' },
        { name: 'operating', description: 'Numbers, health, metrics.' },
        { name: 'echo', description: 'A built-in receiver to try things with.' },
        { name: 'original contract', description: 'The contract of the system that Punctual grew out of.' },
      ],
    },
    refResolver: { buildLocalReference: (schema, _base, _fragment, index) => String(schema.$id ?? `schema-${index}`) },
  };
}

export const swaggerUi: FastifySwaggerUiOptions = {
  routePrefix: '/docs',
  uiConfig: { docExpansion: 'list', tryItOutEnabled: true, displayRequestDuration: true, defaultModelsExpandDepth: 0 },
  // Its bar offers other documents to explore, and somebody else's logo.
  theme: { title: 'Punctual: API', css: [{ filename: 'theme.css', content: '.swagger-ui .topbar { display: none }' }] },
};
