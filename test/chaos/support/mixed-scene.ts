import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chance } from '../../support/chance.ts';
import type { Disturbance } from '../../support/checker/disturbances.ts';
import { fleetOf } from '../../support/fleet-plan.ts';
import { ProcessFleet } from '../../support/process-fleet.ts';
import type { DatabaseServer, ServerEngine } from '../../support/servers/database-server.ts';
import { startMysql } from '../../support/servers/mysql-server.ts';
import { startPostgres } from '../../support/servers/postgres-server.ts';
import type { Database } from '../../support/service.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { ChaosReceiver } from './receiver.ts';
import { SmallDisk } from './small-disk.ts';

/** On what Punctual keeps its timers: a file, or a server. */
export type ChaosEngine = 'sqlite' | ServerEngine;

/** Where everything is harmed: processes of Punctual, their database on a small disk, and a network to it and one to the receiver. */
export interface Scene {
  readonly engine: ChaosEngine;
  readonly seed: number;
  readonly chance: Chance;
  /** Harms take this part of their usual time. */
  readonly pace: number;
  readonly fleet: ProcessFleet;
  /** Names of the members that take creates. */
  readonly apis: readonly string[];
  readonly receiver: ChaosReceiver;
  /** Undefined on SQLite. */
  readonly server: DatabaseServer | undefined;
  /** Between Punctual and the server. */
  readonly wire: TcpProxy | undefined;
  /** The database's disk, or why it has none that is small enough to fill. */
  readonly disk: SmallDisk | string;
  /** What was done so far, besides kills and pauses, which the fleet notes. */
  readonly disturbances: Disturbance[];
}

export interface SceneOptions extends Pick<Scene, 'engine' | 'seed' | 'pace'> {
  /** How long the load lasts: the disk must hold it. */
  readonly forMs: number;
}

const starters = { postgres: startPostgres, mysql: startMysql };

/** So that the files of an empty database fit on a small disk. */
const smallSettings = {
  postgres: { max_wal_size: '64MB', min_wal_size: '32MB', shared_buffers: '32MB' },
  mysql: { 'innodb-buffer-pool-size': '64M', 'loose-innodb-log-file-size': '16M' },
};
const emptyMegabytes = { sqlite: 48, postgres: 300, mysql: 250 };
/** More than what is stored in a minute. */
const megabytesPerMinute = 20;

/** Harms go on for seconds, and a disturbance explains what it explains for as long as its effects last: short ones tell more. */
const env = { RECONNECT_WAIT_TIME: '1s', PAST_MAX: '1h' };
const receiverSettings = { answerMsMax: 20, refusals: 0.03 };

/** Runs `work` on a scene of its own; everything is gone afterwards. */
export async function onScene<T>(options: SceneOptions, work: (scene: Scene) => Promise<T>): Promise<T> {
  const { engine, seed, pace, forMs } = options;
  await using leaving = new AsyncDisposableStack();
  const megabytes = emptyMegabytes[engine] + Math.ceil((forMs / 60_000) * megabytesPerMinute);
  const disk = await SmallDisk.mount(megabytes);
  if (typeof disk !== 'string') leaving.defer(() => disk.remove());
  const store = await storeOf(engine, disk, leaving);
  const receiver = leaving.adopt(await ChaosReceiver.start({ ...receiverSettings, seed }), (one) => one.close());
  const plan = engine === 'sqlite' ? ({ serve: 'serve' } as const) : fleetOf({ apis: 2, controllers: 2 });
  const onStart = (pid: number) => receiver.expect(pid);
  const fleet = await ProcessFleet.start({ database: store.database, env, plan, onStart });
  leaving.adopt(fleet, (one) => one.end());
  const apis = engine === 'sqlite' ? fleet.names('serve') : fleet.names('api');
  const { server, wire } = store;
  const chance = new Chance(seed);
  const scene: Scene = {
    ...{ engine, seed, chance, pace, fleet, apis, receiver, server, wire },
    disk: hasItsData(disk, server) ? disk : 'the database runs in Docker, not on the small file system',
    disturbances: [],
  };
  try {
    return await work(scene);
  } catch (error) {
    throw new Error(`the scenario broke off (--seed ${seed}); the processes wrote:\n${fleet.output()}`, {
      cause: error,
    });
  }
}

interface StoreParts {
  readonly database: Database;
  readonly server?: DatabaseServer;
  readonly wire?: TcpProxy;
}

async function storeOf(
  engine: ChaosEngine,
  disk: SmallDisk | string,
  leaving: AsyncDisposableStack,
): Promise<StoreParts> {
  const folder = typeof disk === 'string' ? undefined : disk.folder;
  if (engine === 'sqlite') {
    const own = await mkdtemp(join(folder ?? tmpdir(), 'punctual-mixed-'));
    leaving.defer(() => rm(own, { recursive: true, force: true }));
    return { database: { databasePath: join(own, 'punctual.db') } };
  }
  const place = folder === undefined ? {} : { folder };
  const server = await starters[engine]({ settings: smallSettings[engine], ...place });
  leaving.defer(() => server.stop());
  const wire = leaving.adopt(await TcpProxy.open({ host: '127.0.0.1', port: server.port }), (one) => one.close());
  const url = new URL('/punctual_chaos', server.url);
  url.port = String(wire.port);
  return { database: { databaseUrl: url.href }, server, wire };
}

function hasItsData(disk: SmallDisk | string, server: DatabaseServer | undefined): boolean {
  return typeof disk === 'string' || server === undefined || (server.dataFolder ?? '').startsWith(disk.folder);
}
