// A service gets requests that its document allows, nearly allows, and bytes that are none: npm run fuzz -- --engine sqlite
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenApi } from '../api/documented-answers.ts';
import type { Report } from '../support/report.ts';
import type { Database } from '../support/service.ts';
import { Connection } from './connection.ts';
import { Fuzzer } from './fuzzer.ts';
import { growthFaults, growthOf, type MemorySample } from './memory-growth.ts';
import { logFaults, onProvingGround, type ProvingGround, sampleMemory } from './proving-ground.ts';

export interface FuzzOptions {
  readonly database: Database;
  readonly requests: number;
  /** The same seed makes the same requests, as far as the ids of timers that are there allow. */
  readonly seed: number;
  /** The command that does this again. */
  readonly replay: string;
}

const clients = 24;
const samplesWanted = 120;
/** Fewer requests between two samples would measure the measuring. */
const requestsPerSampleMin = 50;
/** Timers are sent and purged on while rows are counted: until nothing changes for a moment that may take some time. */
const auditMsMax = 120_000;

/** Fuzzes one service, and reports what came of it. */
export function fuzz(options: FuzzOptions): Promise<Report> {
  return onProvingGround(options.database, async (ground) => {
    const document = (await getJson(ground, '/openapi.json')) as OpenApi;
    const { seed, replay } = options;
    const fuzzer = new Fuzzer({ port: ground.port, receiverUrl: ground.receiverUrl, document, seed, replay });
    const startedAt = performance.now();
    const { samples, broke } = await sendAll(ground, fuzzer, options.requests);
    const seconds = (performance.now() - startedAt) / 1_000;
    const faults = broke ? [broke] : await finalFaults(ground, fuzzer.tally.created);
    return report(ground, { fuzzer, samples, seconds, faults });
  });
}

interface Course {
  readonly samples: MemorySample[];
  /** Why it could not go on. */
  readonly broke?: string;
}

async function sendAll(ground: ProvingGround, fuzzer: Fuzzer, requests: number): Promise<Course> {
  const samples: MemorySample[] = [];
  const everyNth = Math.max(requestsPerSampleMin, Math.floor(requests / samplesWanted));
  let next = 0;
  const client = async () => {
    const connection = new Connection(ground.port);
    for (let number = next++; number < requests; number = next++) {
      await fuzzer.send(number, connection);
      if (number % everyNth !== 0) continue;
      const sample = await sampleMemory(ground);
      if (sample) samples.push(sample);
    }
    connection.close();
  };
  try {
    await Promise.all(Array.from({ length: clients }, client));
    return { samples };
  } catch (error) {
    next = requests;
    return { samples, broke: `the run broke off: ${error}\n${endOf(ground)}` };
  }
}

/** What became of the process, where it has ended. */
function endOf({ service }: ProvingGround): string {
  const { exitCode, signalCode } = service.child;
  const hasEnded = exitCode !== null || signalCode !== null;
  return hasEnded ? `the process ended with ${exitCode ?? signalCode}:\n${service.output().slice(-5_000)}` : '';
}

/** What must be true of the service when all is over. */
async function finalFaults(ground: ProvingGround, created: number): Promise<string[]> {
  const ended = endOf(ground);
  if (ended) return [ended];
  const faults = await auditFaults(ground, created);
  const ready = await fetch(`${ground.service.url}/readyz`);
  if (ready.status !== 200) faults.push(`/readyz answers ${ready.status}: ${await ready.text()}`);
  faults.push(...logFaults(ground.service.output()));
  const code = await ground.service.end('SIGTERM');
  return code === 0 ? faults : [...faults, `told to stop, the process ended with ${code}`];
}

interface AuditedStats {
  readonly accepted: number;
  readonly identity_holds: boolean;
  readonly audit: { readonly equal: boolean | null };
}

/** Of those created, clients may have missed the answer to some. */
async function auditFaults(ground: ProvingGround, created: number): Promise<string[]> {
  const deadline = performance.now() + auditMsMax;
  for (;;) {
    const stats = (await getJson(ground, '/stats?audit=true')) as AuditedStats;
    if (!stats.identity_holds) return [`the identity of /stats does not hold: ${JSON.stringify(stats)}`];
    if (stats.accepted < created) return [`of ${created} timers that were created ${stats.accepted} are counted`];
    if (stats.audit.equal) return [];
    const isOver = stats.audit.equal === false || performance.now() > deadline;
    if (isOver) return [`the audit of /stats is not equal: ${JSON.stringify(stats)}`];
    await delay(200);
  }
}

async function getJson({ service }: ProvingGround, path: string): Promise<unknown> {
  return await (await fetch(service.url + path)).json();
}

interface Result {
  readonly fuzzer: Fuzzer;
  readonly samples: readonly MemorySample[];
  readonly seconds: number;
  readonly faults: readonly string[];
}

function report(ground: ProvingGround, { fuzzer, samples, seconds, faults }: Result): Report {
  const { tally } = fuzzer;
  const growth = growthOf(samples);
  return {
    figures: {
      requests: tally.requests,
      'per second': Math.round(tally.requests / seconds),
      'valid requests': tally.valid,
      'of these taken': tally.taken,
      'timers created': tally.created,
      'calls of the receiver': ground.calls(),
      'log lines': ground.service
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{')).length,
    },
    tables: {
      'Answers by status': Object.fromEntries(
        Object.entries(tally.byOutcome()).map(([status, answers]) => [status, { answers }]),
      ),
      'Answers by operation': tally.byOperation(),
      'Memory in MB, third and last quarter': growth ? { ...growth } : {},
    },
    faults: [...tally.faults, ...faults, ...(growth ? growthFaults(growth) : [])],
  };
}
