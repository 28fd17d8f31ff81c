// How fast does a backlog leave that was due long ago? npm run bench -- drain --engine sqlite
import { once } from 'node:events';
import type { Delivery } from '../src/timer/timer.ts';
import type { Report } from '../test/support/report.ts';
import type { PeerName } from './peers/peer.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, hold } from './support/contest.ts';
import { CountingReceiver } from './support/counting-receiver.ts';
import { fill, overdue } from './support/fill.ts';
import { atLeast, publish } from './support/outcome.ts';
import { fillPeer, startPeer } from './support/peer-process.ts';
import { peersOf, startPeerDatabase } from './support/peers.ts';
import { startProgram } from './support/program.ts';
import { type Engine, startPunctual, together, withHome } from './support/punctual.ts';

export interface DrainOptions {
  readonly engine: Engine;
  readonly timers: number;
  readonly rounds: number;
  /** See `peersOf`. */
  readonly peers: string;
  readonly results: string;
}

const bestPeerTimes = 1.2;

/** Beside undici posting to the same receiver with as many connections: the limit of what one process of Node sends. */
export async function drain({ engine, timers, rounds, peers, results }: DrainOptions): Promise<Report> {
  const faults: string[] = [];
  const rivals = peersOf(peers, engine);
  const contestants = [
    limit(timers),
    punctual('Punctual', { engine, timers, delivery: 'at-least-once', faults }),
    punctual('Punctual, at-most-once', { engine, timers, delivery: 'at-most-once', faults }),
    ...rivals.map((name) => peer(name, timers)),
  ];
  const standings = await hold(contestants, { rounds, warmUps: 0 });
  const perSecond = (name: string) => standings[name]!.perSecond!.median;
  const ours = perSecond('Punctual');
  const best = Math.max(...rivals.map(perSecond));
  return publish(
    {
      name: `drain-${engine}`,
      standings,
      targets: [
        ...(engine === 'sqlite' ? [atLeast('share of bare undici', 0.5, ours / perSecond('bare undici'))] : []),
        ...(engine !== 'sqlite' && rivals.length > 0
          ? [atLeast('times the best peer', bestPeerTimes, ours / best)]
          : []),
        atLeast('at-most-once, share of at-least-once', 0.8, perSecond('Punctual, at-most-once') / ours),
      ],
      charts: [
        barsOf(standings, {
          title: `${timers.toLocaleString('en')} overdue timers, ${engine}`,
          unit: 'from the first call to the last; the line goes from the lowest to the highest round',
          figures: { 'calls per second': 'perSecond' },
        }),
      ],
      faults,
    },
    results,
  );
}

function limit(timers: number): Contestant {
  return {
    name: 'bare undici',
    async round() {
      await using leaving = new AsyncDisposableStack();
      const receiver = await CountingReceiver.start(timers);
      leaving.defer(() => receiver.close());
      const { child } = await startProgram('limits/bare-poster.ts', [receiver.base, String(timers)]);
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`the bare poster ended with ${code}`);
      return { perSecond: receiver.perSecond };
    },
  };
}

function peer(name: PeerName, timers: number): Contestant {
  return {
    name,
    async round() {
      await using leaving = new AsyncDisposableStack();
      const receiver = await CountingReceiver.start(timers);
      leaving.defer(() => receiver.close());
      const database = await startPeerDatabase(name);
      leaving.defer(() => database.stop());
      await fillPeer(name, { databaseUrl: database.url, count: timers, url: receiver.base });
      const worker = await startPeer(name, 'worker', { databaseUrl: database.url });
      leaving.defer(() => worker.end());
      await receiver.until(timers);
      // What others promise is theirs to say; but it belongs to the figure.
      const { lost, repeats } = receiver.verdict();
      return { perSecond: receiver.perSecond, lost, repeats };
    },
  };
}

interface Draining {
  readonly engine: Engine;
  readonly timers: number;
  readonly delivery: Delivery;
  readonly faults: string[];
}

function punctual(name: string, { engine, timers, delivery, faults }: Draining): Contestant {
  return {
    name,
    round: () =>
      withHome(engine, async (home) => {
        await using leaving = new AsyncDisposableStack();
        const receiver = await CountingReceiver.start(timers);
        leaving.defer(() => receiver.close());
        const filling = overdue(timers, (number) => ({ url: receiver.url(number), delivery }));
        await fill(home.databaseUrl, timers, filling);
        const startedAt = performance.now();
        const fleet = await startPunctual(home, together);
        leaving.defer(() => fleet.end());
        await receiver.until(timers);
        const seconds = (performance.now() - startedAt) / 1_000;
        faults.push(...(await receiver.faults(name)));
        const memory = await fleet.memory();
        return {
          perSecond: receiver.perSecond,
          secondsWithStart: Math.round(seconds * 10) / 10,
          peakMb: memory['serve-1']!.peakMb,
        };
      }),
  };
}
