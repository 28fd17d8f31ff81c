// What do reads do to creates, and to timers that come due meanwhile? npm run bench -- mixed --engine sqlite
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { Report } from '../test/support/report.ts';
import { barsOf } from './support/chart.ts';
import { hold } from './support/contest.ts';
import { fill } from './support/fill.ts';
import { publish } from './support/outcome.ts';
import { type Engine, startPunctual, withHome } from './support/punctual.ts';
import { StatusReads } from './support/status-reads.ts';
import { delaySecondsMax, latenessFaults, type SteadyLateness, steadyLateness } from './support/steady-lateness.ts';

export interface MixedOptions {
  readonly engine: Engine;
  /** Waiting from the start: those that are read and cancelled. */
  readonly timers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: string;
}

const createsPerSecond = 1_000;
const nowAndThenMs = 100;

/** Creates at a steady rate and cancels now and then: with status reads and lists beside, and without. */
export function mixed({ engine, timers, rounds, seconds, results }: MixedOptions): Promise<Report> {
  return withHome(engine, async (home) => {
    await using leaving = new AsyncDisposableStack();
    const faults: string[] = [];
    const { ids } = await fill(home.databaseUrl, timers);
    const reads = leaving.use(await StatusReads.of(ids));
    const punctual = await startPunctual(home);
    leaving.defer(() => punctual.end());
    const service = punctual.url('serve-1');
    const writing = writingTo(service, { ids, seconds, faults });
    const contestants = [
      { name: 'without reads', round: () => writing('without reads') },
      {
        name: 'with reads',
        async round() {
          // Until the last timer has come due.
          const untilDue = seconds + delaySecondsMax;
          const reading = reads.askGently(service, untilDue);
          const listing = nowAndThen(untilDue, () => succeed(`${service}/timers?limit=50`, 'GET'));
          const [figures, { perSecond, p99Ms }] = await Promise.all([writing('with reads'), reading, listing]);
          return { ...figures, readsPerSecond: perSecond, readMsP99: p99Ms };
        },
      },
    ];
    const standings = await hold(contestants, { rounds });
    const title = `${createsPerSecond.toLocaleString('en')} creates a second, ${engine}`;
    const unit = 'milliseconds; the line goes from the lowest to the highest round';
    const figures = {
      'lateness p50': 'p50Ms',
      'lateness p99': 'p99Ms',
      'create p99': 'createMsP99',
      'read p99': 'readMsP99',
    };
    const charts = [barsOf(standings, { title, unit, figures })];
    return publish({ name: `mixed-${engine}`, standings, targets: [], charts, faults }, results);
  });
}

interface Writing {
  /** Of timers to cancel: each time the next one. */
  readonly ids: readonly string[];
  readonly seconds: number;
  readonly faults: string[];
}

/** Gives what creates and cancels for so many seconds, and says how late the created timers were. */
function writingTo(service: string, { ids, seconds, faults }: Writing) {
  const rest = ids.values();
  return async (name: string) => {
    const cancelling = nowAndThen(seconds, () => succeed(`${service}/timers/${rest.next().value}/cancel`, 'POST'));
    const [report] = await Promise.all([steadyLateness({ service, perSecond: createsPerSecond, seconds }), cancelling]);
    faults.push(...latenessFaults(name, report));
    return figuresOf(report);
  };
}

function figuresOf({ p50, p99, createMsP99 }: SteadyLateness) {
  return { p50Ms: p50, p99Ms: p99, createMsP99 };
}

/** Does it every tenth of a second, for so many seconds, never twice at once. Rejects as soon as one does. */
async function nowAndThen(seconds: number, work: () => Promise<void>): Promise<void> {
  for (const until = performance.now() + seconds * 1_000; performance.now() < until; await delay(nowAndThenMs))
    await work();
}

async function succeed(url: string, method: 'GET' | 'POST'): Promise<void> {
  const { statusCode, body } = await request(url, { method });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${method} ${url} was answered with ${statusCode}: ${text}`);
}
