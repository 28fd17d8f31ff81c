import { randomBytes, randomFillSync } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { buildServer } from './api/server.ts';
import { type Clock, sleep } from './clock/clock.ts';
import { Synchroniser } from './clock/synchroniser.ts';
import { SystemClock } from './clock/system-clock.ts';
import type { Config } from './config.ts';
import { Controller } from './controller/controller.ts';
import { defaultControllerSettings } from './controller/settings.ts';
import { type GroupedStore, groupedInserts } from './store/grouped-inserts.ts';
import { SqliteStore } from './store/sqlite/store.ts';
import { ControllerTelemetry } from './telemetry/controller-telemetry.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Recent } from './telemetry/recent.ts';
import { timedStore } from './telemetry/timed-store.ts';
import { PunctualError } from './timer/errors.ts';
import type { Random } from './timer/random.ts';
import type { RequestRules } from './timer/request.ts';
import { HttpSender } from './webhook/http-sender.ts';
import { Lanes } from './webhook/lanes.ts';
import { TargetGuard } from './webhook/target-guard.ts';

/** A running service. */
export interface App {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly clock: Clock;
  /** The file that holds the timers. */
  readonly databasePath: string;
  readonly echo: boolean;
  /** Gives back what is unsent, lets calls on the wire end within the grace, and closes everything. */
  stop(): Promise<void>;
}

const tagCharsMax = 100;
const batchTimersMax = 1_000;
/** Timers in one commit at most; one batch create always fits. */
const insertBatchMax = 1_000;
const sqlitePageBytes = 4_096;

const random: Random = { fraction: Math.random, fill: (bytes) => void randomFillSync(bytes) };

/** Builds API and controller on the embedded store, and starts them. Throws a PunctualError that says what keeps it from starting. */
export async function startApp(config: Config, log: Logger): Promise<App> {
  const clock = new SystemClock();
  const path = resolve(config.databaseUrl.slice('sqlite:'.length));
  const sqlite = await SqliteStore.open({
    path,
    ...(config.databaseBytesMax > 0 ? { pageCountMax: Math.ceil(config.databaseBytesMax / sqlitePageBytes) } : {}),
  });
  try {
    return await start({ config, log, clock, sqlite, path });
  } catch (error) {
    await sqlite.close();
    throw error;
  }
}

interface Ground {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: SystemClock;
  readonly sqlite: SqliteStore;
  readonly path: string;
}

async function start({ config, log, clock, sqlite, path }: Ground): Promise<App> {
  const recent = new Recent(clock);
  const metrics = buildMetrics({ sqlite, clock, parts: () => ({ controller, lanes, inserts }) });
  const timed = timedStore(sqlite, clock, (verb, seconds, failed) => {
    metrics.storeCalls.observe({ verb }, seconds);
    if (failed) metrics.storeFailures.inc({ verb });
  });
  const synchroniser = new Synchroniser({
    clock,
    storeTime: () => timed.time(),
    onDoubt: (doubtMs) => log.warn({ doubt_ms: doubtMs }, "how far this process is off the store's time has changed"),
  });
  await synchroniser.start();

  const observer = new ControllerTelemetry({ log, metrics, recent });
  const { sender, lanes } = buildLanes(config, clock, observer);
  const owner = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`;
  const controller = new Controller({
    owner,
    store: timed,
    dispatcher: lanes,
    clock,
    random,
    observer,
    settings: { ...defaultControllerSettings, ...config },
  });
  const inserts = groupedInserts(timed, {
    clock,
    batchMax: insertBatchMax,
    queuedMax: config.insertQueueMax,
    queuedBytesMax: config.insertQueueBytesMax,
    waitMsMax: config.insertWaitMsMax,
  });
  let stopping = false;
  const echo = config.echo === 'on' || (config.echo === 'auto' && isLoopback(config.host));
  const server = await buildServer({
    store: inserts.store,
    clock,
    random,
    rules: requestRules(config),
    wake: (_id, at) => controller.wake(at),
    logger: log,
    observe: { created: (count) => noteCreated(count, { metrics, recent }), refused: () => metrics.refused.inc() },
    measures: recent,
    health: { ready: () => readiness({ stopping, controller, clock }) },
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
  });
  const url = await listen(server, config);
  controller.start();

  return {
    url,
    clock,
    databasePath: path,
    echo,
    async stop() {
      stopping = true;
      const graceEndsAt = clock.monotonic() + config.shutdownGraceMs;
      const left = await controller.stop(config.shutdownGraceMs);
      if (left > 0)
        log.warn({ count: left }, 'what came of calls could not be stored; they are taken over at the next start');
      await Promise.race([server.close(), sleep(clock, graceEndsAt - clock.monotonic())]);
      await sender.close();
      synchroniser.stop();
      await sqlite.close();
    },
  };
}

function noteCreated(count: number, { metrics, recent }: { metrics: Metrics; recent: Recent }): void {
  metrics.created.inc(count);
  recent.created(count);
}

interface Parts {
  readonly controller: Controller;
  readonly lanes: Lanes;
  readonly inserts: GroupedStore;
}

function buildMetrics({
  sqlite,
  clock,
  parts,
}: {
  sqlite: SqliteStore;
  clock: SystemClock;
  parts: () => Parts;
}): Metrics {
  return new Metrics({
    counts: () => sqlite.counts(clock.now()),
    nowMs: () => clock.now(),
    insertQueue: () => parts().inserts.queued(),
    held: () => parts().controller.held,
    clockDoubtMs: () => clock.doubtMs(),
    storeIsUp: () => parts().controller.storeIsUp,
    lanes: () => parts().lanes.view(),
  });
}

function buildLanes(
  config: Config,
  clock: SystemClock,
  telemetry: ControllerTelemetry,
): { sender: HttpSender; lanes: Lanes } {
  const sender = new HttpSender({
    clock,
    guard: new TargetGuard({ refuse: config.blockedTargets }),
    version: packageJson.version,
    connectionsPerDestination: config.callsPerDestinationMax,
  });
  const lanes = new Lanes({
    sender,
    clock,
    random,
    perDestinationMax: config.callsPerDestinationMax,
    totalMax: config.callsMax,
    queuedMax: config.heldMax,
    ratePerSecond: config.callsPerSecondPerDestination,
    onBreaker: (destination, change) => telemetry.breaker(destination, change),
  });
  return { sender, lanes };
}

function requestRules(config: Config): RequestRules {
  return { ...config, tagCharsMax };
}

function readiness({ stopping, controller, clock }: { stopping: boolean; controller: Controller; clock: SystemClock }) {
  const reasons: string[] = [];
  if (stopping) reasons.push('the server is stopping');
  if (!controller.storeIsUp) reasons.push('the store does not answer');
  if (clock.doubtMs() > defaultControllerSettings.clockDoubtMsMax)
    reasons.push("the store's time is not known well enough");
  return { ready: reasons.length === 0, reasons };
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
