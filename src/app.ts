import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { type ApiRoutes, buildServer } from './api/server.ts';
import { Databases } from './app/databases.ts';
import { buildFleet, type Fleet } from './app/fleet.ts';
import { machineRandom as random } from './app/random.ts';
import { type Clock, sleep } from './clock/clock.ts';
import type { Config } from './config.ts';
import { defaultControllerSettings } from './controller/settings.ts';
import { ControllerTelemetry } from './telemetry/controller-telemetry.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Recent } from './telemetry/recent.ts';
import { PunctualError } from './timer/errors.ts';
import { shardOf } from './timer/id.ts';

/** What a process does: the API, the controller, or both. */
export type Role = 'serve' | 'api' | 'controller';

/** A running service. */
export interface App {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly clock: Clock;
  /** What holds the timers: paths, or addresses without passwords. */
  readonly databases: readonly string[];
  readonly echo: boolean;
  /** Rejects when the service can no longer do its work, and should end. */
  readonly givenUp: Promise<never>;
  /** Gives back what is unsent, lets calls on the wire end within the grace, and closes everything. */
  stop(): Promise<void>;
}

const tagCharsMax = 100;
const batchTimersMax = 1_000;

/** Builds the parts that the role has, and starts them. Throws a PunctualError that says what keeps it from starting. */
export async function startApp(config: Config, log: Logger, role: Role): Promise<App> {
  if (role !== 'serve') requireServers(config, role);
  const givingUp = Promise.withResolvers<never>();
  givingUp.promise.catch(() => undefined);
  const databases = await Databases.of({ config, log, random, metrics: () => metrics, onGiveUp: givingUp.reject });
  const recent = new Recent(databases.clock);
  let fleet: Fleet | undefined;
  const metrics = new Metrics({
    counts: () => databases.store.counts(Math.floor(databases.clock.now())),
    nowMs: () => databases.clock.now(),
    insertQueue: () => databases.queued(),
    held: () => fleet?.held() ?? 0,
    clockDoubtMs: () => databases.doubtMs(),
    shards: () => databases.states(),
    lanes: () => fleet?.lanes() ?? [],
  });
  try {
    await databases.open();
    if (role !== 'api') {
      const telemetry = new ControllerTelemetry({ log, metrics, recent });
      fleet = buildFleet({ config, databases, random, telemetry, owner: ownerName(), version: packageJson.version });
    }
    return await listenAndServe({ config, log, role, databases, fleet, metrics, recent, givenUp: givingUp.promise });
  } catch (error) {
    await fleet?.stop(0);
    await databases.close();
    throw error;
  }
}

/** A file belongs to one process, which then is both. */
function requireServers({ databaseUrls }: Config, role: Role): void {
  if (!databaseUrls.some((url) => url?.startsWith('sqlite:'))) return;
  throw new PunctualError('invalid_configuration', {
    faults: [
      {
        pointer: 'DATABASE_URL',
        detail: `is a file, which one process has open: use "punctual serve", or give "punctual ${role}" a PostgreSQL or MySQL server`,
      },
    ],
  });
}

function ownerName(): string {
  return `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`;
}

interface Ground {
  readonly config: Config;
  readonly log: Logger;
  readonly role: Role;
  readonly databases: Databases;
  readonly fleet: Fleet | undefined;
  readonly metrics: Metrics;
  readonly recent: Recent;
  readonly givenUp: Promise<never>;
}

async function listenAndServe(ground: Ground): Promise<App> {
  const { config, log, role, databases, fleet, metrics, recent, givenUp } = ground;
  const { clock, store } = databases;
  let stopping = false;
  const echo = role !== 'controller' && (config.echo === 'on' || (config.echo === 'auto' && isLoopback(config.host)));
  const server = await buildServer(
    {
      store,
      clock,
      random,
      rules: { ...config, tagCharsMax },
      wake: (id, at) => (fleet ? fleet.wake(shardOf(id), at) : databases.ring(shardOf(id), at)),
      logger: log,
      observe: { created: (count) => noteCreated(count, { metrics, recent }), refused: () => metrics.refused.inc() },
      ...(fleet ? { measures: recent } : {}),
      ...(databases.areSeveral ? { shards: () => databases.states() } : {}),
      health: { ready: () => readiness({ stopping, databases }) },
      metrics,
      limits: {
        bodyBytes: config.bodyBytesMax,
        batchBytes: config.batchBytesMax,
        batchMax: batchTimersMax,
        connections: config.connectionsMax,
      },
      hosts: config.hosts.length === 0 && !isLoopback(config.host) ? 'any' : config.hosts,
      echo,
      version: packageJson.version,
    },
    routesOf[role],
  );
  collectGarbage();
  const url = await listen(server, config);
  fleet?.start();
  return {
    url,
    clock,
    databases: databases.names,
    echo,
    givenUp,
    async stop() {
      stopping = true;
      const graceEndsAt = clock.monotonic() + config.shutdownGraceMs;
      const left = (await fleet?.stop(config.shutdownGraceMs)) ?? 0;
      if (left > 0)
        log.warn(
          { count: left },
          'what came of calls could not be stored; they are taken over when their leases run out',
        );
      await Promise.race([server.close(), sleep(clock, graceEndsAt - clock.monotonic())]);
      await databases.close();
    },
  };
}

/**
 * Gives back what loading has left behind, 20 MB that V8 would keep until much more has piled up. It takes a moment, and so comes before
 * the first timer is in hand. Without Node's --expose-gc nothing happens.
 */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

const routesOf: Readonly<Record<Role, ApiRoutes>> = { serve: 'all', api: 'all', controller: 'operating' };

function noteCreated(count: number, { metrics, recent }: { metrics: Metrics; recent: Recent }): void {
  metrics.created.inc(count);
  recent.created(count);
}

/** Ready as long as one database can be used: the others' timers wait, and new ones go to where there is room. */
function readiness({ stopping, databases }: { stopping: boolean; databases: Databases }) {
  const reasons: string[] = [];
  const down = databases.states().filter(({ up }) => !up);
  const inDoubt = databases.clock.doubtMs() > defaultControllerSettings.clockDoubtMsMax;
  if (stopping) reasons.push('the server is stopping');
  if (databases.areSeveral) reasons.push(...down.map(({ number }) => `shard ${number} does not answer`));
  else if (down.length > 0) reasons.push('the store does not answer');
  if (inDoubt) reasons.push("the store's time is not known well enough");
  const ready = !stopping && !inDoubt && down.length < databases.states().length;
  return { ready, reasons };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

async function listen(server: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why =
      code === 'EADDRINUSE'
        ? 'another program listens there: stop it, or choose another port with PORT or --port'
        : String(error);
    throw new PunctualError('cannot_listen', { message: `cannot listen on ${host}:${port}: ${why}`, cause: error });
  }
}
