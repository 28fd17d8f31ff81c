import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryOf } from '../support/memory.ts';
import { startProcessGuard } from '../support/process-guard.ts';
import { type Database, type Service, startService } from '../support/service.ts';
import type { MemorySample } from './memory-growth.ts';

/** Ended timers are purged while the run lasts, so that requests meet those that are gone. */
const env = { HISTORY: '1m', LOG_LEVEL: 'warn', LOG_FORMAT: 'json' };

/** A service in a process of its own, and a receiver for what its timers send. */
export interface ProvingGround {
  readonly service: Service;
  readonly port: number;
  readonly receiverUrl: string;
  readonly calls: () => number;
}

/** Runs `work` on a ground of its own; its processes are gone afterwards. */
export async function onProvingGround<T>(database: Database, work: (ground: ProvingGround) => Promise<T>): Promise<T> {
  await using leaving = new AsyncDisposableStack();
  const guard = leaving.adopt(startProcessGuard(), (one) => one.release());
  let calls = 0;
  const receiver = createServer((request, response) => {
    calls += 1;
    request.resume().once('end', () => response.end('ok'));
  }).listen(0, '127.0.0.1');
  leaving.defer(() => {
    receiver.close();
    receiver.closeAllConnections();
  });
  await once(receiver, 'listening');
  const service = await startService({ ...database, env, onSpawn: (pid) => guard.started(pid) });
  service.child.once('exit', () => guard.ended(service.child.pid!));
  leaving.defer(() => service.end('SIGKILL').then(() => undefined));
  return await work({
    service,
    port: Number(new URL(service.url).port),
    receiverUrl: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
    calls: () => calls,
  });
}

/** What the process holds now: undefined where it has ended. */
export async function sampleMemory({ service }: ProvingGround): Promise<MemorySample | undefined> {
  const metrics = await fetch(`${service.url}/metrics`).then((reply) => reply.text());
  const heapBytes = Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(metrics)?.[1]);
  const memory = await memoryOf(service.child.pid!);
  return memory && { heapMb: heapBytes / 2 ** 20, residentMb: memory.nowMb };
}

/** pino's number for `error`. */
const errorLevel = 50;
/** The end of a timer is news, and no fault of the service. */
const timerNews = ['timer failed', 'timer uncertain'];
/** Lines for people, at the start. */
const banner = /^( {2}|$)/;

/** What the service wrote that it must not: errors, and what is no line of its log, such as a stack trace. */
export function logFaults(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    if (banner.test(line)) return [];
    const entry = entryOf(line);
    if (!entry) return [`the service wrote ${line}`];
    return entry.level >= errorLevel && !timerNews.includes(entry.msg) ? [`the log has an error: ${line}`] : [];
  });
}

function entryOf(line: string): { readonly level: number; readonly msg: string } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
