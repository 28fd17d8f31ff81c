// How many timers a second can be created, one by one? npm run bench -- create --engine sqlite
import type { Report } from '../test/support/report.ts';
import type { PeerName } from './peers/peer.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, type Figures, hold, type Standings } from './support/contest.ts';
import { atLeast, publish, type Target } from './support/outcome.ts';
import { startPeer } from './support/peer-process.ts';
import { peersOf, startPeerDatabase } from './support/peers.ts';
import { startProgram } from './support/program.ts';
import { type Engine, startPunctual, withHome } from './support/punctual.ts';
import { ask } from './support/wrk.ts';

export interface CreateOptions {
  readonly engine: Engine;
  readonly rounds: number;
  readonly seconds: number;
  /** See `peersOf`. */
  readonly peers: string;
  readonly results: string;
}

const connectionCounts = [64, 256] as const;

/** Beside a Fastify route that stores nothing: the limit of what one process of Node answers. */
export function create({ engine, rounds, seconds, peers, results }: CreateOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await using leaving = new AsyncDisposableStack();
    const limit = await startProgram('limits/empty-route.ts');
    leaving.defer(() => limit.end());
    const punctual = await startPunctual(home);
    leaving.defer(() => punctual.end());
    const contestants = [
      creating('empty route', limit.url, seconds),
      creating('Punctual', punctual.url('serve-1'), seconds),
    ];
    for (const name of peersOf(peers, engine)) {
      const database = await startPeerDatabase(name);
      leaving.defer(() => database.stop());
      const peer = await startPeer(name, 'api', { databaseUrl: database.url });
      leaving.defer(() => peer.end());
      contestants.push(creating(name, peer.url, seconds));
    }
    const standings = await hold(contestants, { rounds });
    return publish(
      {
        name: `create-${engine}`,
        standings,
        targets: connectionCounts.flatMap((count) => targets(engine, count, standings)),
        charts: [
          barsOf(standings, {
            title: `Timers created, ${engine}`,
            unit: 'per second; the line goes from the lowest to the highest round',
            figures: Object.fromEntries(connectionCounts.map((count) => [`${count} connections`, `perSecond${count}`])),
          }),
        ],
      },
      results,
    );
  });
}

const shareAsked: Readonly<Record<Engine, number>> = { sqlite: 0.6, postgres: 0.45, mysql: 0.45 };
const timesAsked: Readonly<Record<Engine, readonly [peer: PeerName, times: number]>> = {
  sqlite: ['bullmq', 1.5],
  postgres: ['pg-boss', 12],
  mysql: ['pg-boss', 12],
};

function targets(engine: Engine, connections: number, standings: Standings): Target[] {
  const rate = (name: string) => standings[name]?.[`perSecond${connections}`]?.median;
  const ours = rate('Punctual')!;
  const [peer, times] = timesAsked[engine];
  const theirs = rate(peer);
  return [
    atLeast(`${connections} connections: share of the empty route`, shareAsked[engine], ours / rate('empty route')!),
    ...(theirs ? [atLeast(`${connections} connections: times ${peer}`, times, ours / theirs)] : []),
  ];
}

function creating(name: string, service: string, seconds: number): Contestant {
  return {
    name,
    async round() {
      const figures: Record<string, number> = {};
      for (const connections of connectionCounts) {
        const load = { url: `${service}/timers`, connections, seconds, script: { name: 'create.lua' } } as const;
        const { perSecond, p50Ms, p99Ms } = await ask(load);
        Object.assign(figures, {
          [`perSecond${connections}`]: perSecond,
          [`p50Ms${connections}`]: p50Ms,
          [`p99Ms${connections}`]: p99Ms,
        });
      }
      return figures satisfies Figures;
    },
  };
}
