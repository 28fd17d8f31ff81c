import { fleetOf } from '../../support/fleet-plan.ts';
import { ProcessFleet } from '../../support/process-fleet.ts';
import type { DatabaseServer, ServerEngine } from '../../support/servers/database-server.ts';
import { startMysql } from '../../support/servers/mysql-server.ts';
import { startPostgres } from '../../support/servers/postgres-server.ts';
import { ChaosReceiver } from './receiver.ts';

export interface GroundOptions {
  readonly engine: ServerEngine;
  /** How many private servers, which are the shards; one by default. */
  readonly servers?: number;
  readonly apis: number;
  readonly controllers: number;
  /** The receiver takes up to this long for an answer. */
  readonly answerMsMax: number;
  /** More settings of Punctual. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a scenario plays on: private database servers that sync every commit, processes of Punctual on them, and a receiver. */
export interface Ground {
  readonly servers: readonly DatabaseServer[];
  readonly databaseUrls: readonly string[];
  readonly fleet: ProcessFleet;
  readonly apis: readonly string[];
  readonly receiver: ChaosReceiver;
}

const starters = { postgres: startPostgres, mysql: startMysql };

/** Runs `work` on a ground of its own; everything is gone afterwards. */
export async function onGround<T>(options: GroundOptions, work: (ground: Ground) => Promise<T>): Promise<T> {
  const { engine, apis, controllers, answerMsMax, env = {} } = options;
  await using leaving = new AsyncDisposableStack();
  const servers: DatabaseServer[] = [];
  for (let at = 0; at < (options.servers ?? 1); at++) {
    servers.push(leaving.adopt(await starters[engine](), (server) => server.stop()));
  }
  const databaseUrls = servers.map(({ url }) => new URL('/punctual_chaos', url).href);
  const receiver = leaving.adopt(await ChaosReceiver.start({ answerMsMax }), (one) => one.close());
  const fleet = await ProcessFleet.start({
    database: { databaseUrl: databaseUrls.join(',') },
    env,
    plan: fleetOf({ apis, controllers }),
    onStart: (pid) => receiver.expect(pid),
  });
  leaving.adopt(fleet, (one) => one.end());
  try {
    return await work({ servers, databaseUrls, fleet, apis: fleet.urls('api'), receiver });
  } catch (error) {
    throw new Error(
      `the scenario broke off; the processes wrote:
${fleet.output()}`,
      { cause: error },
    );
  }
}
