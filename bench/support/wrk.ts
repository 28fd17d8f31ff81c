import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram } from '../../test/support/servers/find-program.ts';

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** What wrk asks; by default each request is a GET of `url`. See the scripts in this folder. */
  readonly script?: { readonly name: `${string}.lua`; readonly args?: readonly string[] };
}

/** Requests that were answered, in all and in a second, and how long answers took, in milliseconds. */
export interface Answered {
  readonly requests: number;
  /** To five digits. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Asks as fast as answers come, by wrk (https://github.com/wg/wrk), which takes the least of the machine of all such programs. Throws when
 * any answer is not a success.
 */
export async function ask({ url, connections, seconds, script }: Load): Promise<Answered> {
  const program = findProgram('wrk');
  if (!program) throw new Error('wrk is missing, which makes the load: install it (Debian: apt-get install wrk)');
  const load = [
    '--threads',
    '1',
    '--connections',
    String(connections),
    '--duration',
    `${seconds}s`,
    '--timeout',
    '30s',
  ];
  const asked = script ? ['--script', fileURLToPath(new URL(script.name, import.meta.url))] : [];
  const args = [...load, '--latency', ...asked, url, '--', ...(script?.args ?? [])];
  const { stdout } = await promisify(execFile)(program, args);
  const faults = /(Non-2xx or 3xx responses|Socket errors): .*/.exec(stdout);
  if (faults) throw new Error(`${url}: ${faults[0]}`);
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    perSecond: Number(Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]).toPrecision(5)),
    p50Ms: inMs(/^ +50%\s+(\S+)/m.exec(stdout)?.[1]),
    p99Ms: inMs(/^ +99%\s+(\S+)/m.exec(stdout)?.[1]),
  };
}

const unitsMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 };

function inMs(text = ''): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Math.round(Number(value) * unitsMs[unit ?? '']! * 100) / 100;
}
