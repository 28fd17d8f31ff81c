// How late are timers that are created all the time, some of them due at once? npm run bench -- lateness --engine sqlite
import type { Report } from '../test/support/report.ts';
import { barsOf } from './support/chart.ts';
import { type Contestant, hold, type Standings } from './support/contest.ts';
import { atMost, publish, type Target } from './support/outcome.ts';
import { startPeer } from './support/peer-process.ts';
import { peersOf, startPeerDatabase } from './support/peers.ts';
import { startProgram } from './support/program.ts';
import { apart, type Engine, startPunctual, together, withHomes } from './support/punctual.ts';
import { latenessFaults, steadyLateness } from './support/steady-lateness.ts';

export interface LatenessOptions {
  readonly engine: Engine;
  readonly rounds: number;
  readonly seconds: number;
  /** See `peersOf`. */
  readonly peers: string;
  readonly results: string;
}

/** Timers a second, and how many times as late as the bare program Punctual may be. */
const rates = [
  { perSecond: 500, sharesMax: 1.5 },
  { perSecond: 5_000, sharesMax: 2 },
] as const;

/** Beside a program that stores nothing; API and controller in one process, and on a server in two as well. */
export function lateness({ engine, rounds, seconds, peers, results }: LatenessOptions): Promise<Report> {
  const plans = engine === 'sqlite' ? { Punctual: together } : { Punctual: together, 'Punctual, apart': apart };
  // A home for each: controllers would take each other's timers.
  return withHomes(engine, Object.keys(plans).length, async (homes) => {
    await using leaving = new AsyncDisposableStack();
    const faults: string[] = [];
    const bare = await startProgram('limits/bare-timer.ts');
    leaving.defer(() => bare.end());
    const contestants = [late('bare program', bare.url, { rates, seconds, faults })];
    for (const [at, [name, plan]] of Object.entries(plans).entries()) {
      const fleet = await startPunctual(homes[at]!, plan);
      leaving.defer(() => fleet.end());
      contestants.push(late(name, fleet.url(Object.keys(plan)[0]!), { rates, seconds, faults }));
    }
    for (const name of peersOf(peers, engine)) {
      const database = await startPeerDatabase(name);
      leaving.defer(() => database.stop());
      const peer = await startPeer(name, 'serve', { databaseUrl: database.url });
      leaving.defer(() => peer.end());
      // Not all of them can create more in a second.
      contestants.push(late(name, peer.url, { rates: rates.slice(0, 1), seconds, faults }));
    }
    const standings = await hold(contestants, { rounds });
    return publish(
      {
        name: `lateness-${engine}`,
        standings,
        targets: targets(engine, standings),
        charts: rates.map(({ perSecond }) =>
          barsOf(standings, {
            title: `Lateness at ${perSecond.toLocaleString('en')} timers a second, ${engine}`,
            unit: 'milliseconds from the due time to the arrival; the line goes from the lowest to the highest round',
            figures: { p50: `p50Ms${perSecond}`, p99: `p99Ms${perSecond}` },
          }),
        ),
        faults,
      },
      results,
    );
  });
}

function targets(engine: Engine, standings: Standings): Target[] {
  const p99 = (name: string, perSecond: number) => standings[name]![`p99Ms${perSecond}`]!.median;
  const shares = rates.map(({ perSecond, sharesMax }) =>
    atMost(
      `p99 at ${perSecond}/s, share of the bare program's`,
      sharesMax,
      p99('Punctual', perSecond) / p99('bare program', perSecond),
    ),
  );
  if (engine === 'sqlite') return shares;
  // MariaDB and MySQL wake nobody: the poll interval (200 ms) is the bound.
  const apartMsMax = engine === 'postgres' ? 15 : 220;
  return [
    ...shares,
    ...rates.map(({ perSecond }) =>
      atMost(`p99 at ${perSecond}/s, API and controller apart, ms`, apartMsMax, p99('Punctual, apart', perSecond)),
    ),
  ];
}

interface Late {
  readonly rates: readonly { readonly perSecond: number }[];
  readonly seconds: number;
  readonly faults: string[];
}

function late(name: string, service: string, { rates, seconds, faults }: Late): Contestant {
  return {
    name,
    async round() {
      const figures: Record<string, number> = {};
      for (const { perSecond } of rates) {
        const report = await steadyLateness({ service, perSecond, seconds });
        const { p50, p99, max, createMsMax } = report;
        Object.assign(figures, {
          [`p50Ms${perSecond}`]: p50,
          [`p99Ms${perSecond}`]: p99,
          [`maxMs${perSecond}`]: max,
          [`createMsMax${perSecond}`]: createMsMax,
          [`notCalled${perSecond}`]: report.lost,
        });
        // What others promise is theirs to say.
        if (name.startsWith('Punctual')) faults.push(...latenessFaults(`${name} at ${perSecond}/s`, report));
      }
      return figures;
    },
  };
}
