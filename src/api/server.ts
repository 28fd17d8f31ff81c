import swaggerPlugin from '@fastify/swagger';
import swaggerUiPlugin from '@fastify/swagger-ui';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { PunctualError } from '../timer/errors.ts';
import { batchRoute } from './batch.ts';
import type { ApiDeps } from './deps.ts';
import { openApi, swaggerUi } from './documentation.ts';
import { echoRoutes } from './echo.ts';
import { healthRoutes } from './health.ts';
import { requireKnownHost } from './hosts.ts';
import { type ApiApp, acceptJsonOnly, boundLargeBodies, watchMethods } from './http.ts';
import { legacyRoutes } from './legacy.ts';
import { listRoute } from './list.ts';
import { rawProblem } from './problem.ts';
import { Refusals } from './refusals.ts';
import { acceptedSchema, problemSchema, requestSchemas, summarySchema, timerSchema } from './schemas.ts';
import { statsRoute } from './stats.ts';
import { timerRoutes } from './timers.ts';
import { Validation } from './validation.ts';
import { verdictRoutes } from './verdicts.ts';

/** A request must have arrived whole within this time. */
const requestMsMax = 30_000;
/** A connection on which nothing moves for this long is closed; longer than the longest answer takes. */
const idleMsMax = 60_000;

/** What a server answers: everything, or only what those who operate it ask. */
export type ApiRoutes = 'all' | 'operating';

/** The HTTP API, ready to listen. Closing it waits for the requests that it is answering. */
export async function buildServer(deps: ApiDeps, routes: ApiRoutes = 'all'): Promise<ApiApp> {
  const refusals = new Refusals(deps);
  const loggerInstance: FastifyBaseLogger = deps.logger;
  const app: ApiApp = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all: a child for each request costs, and what is logged of requests names timers instead.
    childLoggerFactory: (logger) => logger,
    bodyLimit: deps.limits.bodyBytes,
    requestTimeout: requestMsMax,
    connectionTimeout: idleMsMax,
    routerOptions: { ignoreTrailingSlash: true },
    // While the server stops, what still comes over open connections is answered properly.
    return503OnClosing: false,
    frameworkErrors: refusals.answer,
    clientErrorHandler: (error, socket) => {
      if (error.code !== 'ECONNRESET' && socket.writable) socket.end(rawProblem(error.code));
      else socket.destroy();
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = deps.limits.connections;
  if (deps.hosts !== 'any') requireKnownHost(app, deps.hosts);
  app.setErrorHandler(refusals.answer);
  app.setNotFoundHandler(() => {
    throw new PunctualError('not_found', { message: 'There is no such page.' });
  });
  await app.register(swaggerPlugin, openApi(deps.version));
  await app.register(swaggerUiPlugin, swaggerUi);
  await app.register(async (api: ApiApp) => addRoutes(api, deps, routes));
  await app.ready();
  return app;
}

function addRoutes(app: ApiApp, deps: ApiDeps, routes: ApiRoutes): void {
  const requests = Object.values(requestSchemas(deps.rules));
  for (const schema of [...requests, problemSchema, acceptedSchema, summarySchema, timerSchema]) app.addSchema(schema);
  const validation = new Validation(requests);
  app.setValidatorCompiler(validation.compiler);
  acceptJsonOnly(app);
  boundLargeBodies(app);
  const refuseOtherMethods = watchMethods(app);
  if (routes === 'all') {
    timerRoutes(app, deps);
    batchRoute(app, deps, validation);
    listRoute(app, deps);
    verdictRoutes(app, deps);
    legacyRoutes(app, deps);
  }
  statsRoute(app, deps);
  healthRoutes(app, deps);
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  refuseOtherMethods();
  if (deps.echo) app.register((echo: ApiApp) => echoRoutes(echo, deps));
}
