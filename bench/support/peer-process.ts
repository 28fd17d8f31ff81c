import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { PeerName, PeerRole } from '../peers/peer.ts';
import { type Program, startProgram } from './program.ts';

/** Whose database, and what is to be put there. */
export interface PeerFill {
  /** Where the peer keeps its jobs, `redis://…` or `postgres://…`: see `peerDatabases`. */
  readonly databaseUrl: string;
  readonly count: number;
  /** What each job calls; its number, from 0, is added to the query: `?n=NUMBER`. */
  readonly url: string;
}

/** Starts a process of a peer and waits until it is ready. Its `url` is that of its API, empty for a worker. */
export function startPeer(
  name: PeerName,
  role: Exclude<PeerRole, 'fill'>,
  { databaseUrl }: Pick<PeerFill, 'databaseUrl'>,
): Promise<Program> {
  return start(name, role, ['--database', databaseUrl]);
}

/** Puts jobs that are due at once into a peer's queue. Throws when that fails. */
export async function fillPeer(name: PeerName, { databaseUrl, count, url }: PeerFill): Promise<void> {
  const { child } = await start(name, 'fill', ['--database', databaseUrl, '--count', String(count), '--url', url]);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${name} could not be filled: it ended with ${code}`);
}

function start(name: PeerName, role: PeerRole, options: readonly string[]): Promise<Program> {
  // Each is named as its package is.
  if (existsSync(new URL(`../peers/node_modules/${name}`, import.meta.url)))
    return startProgram('peers/main.ts', [name, role, ...options]);
  throw new Error('the packages of the peers are missing: install them with `npm ci --prefix bench/peers`');
}
