import { startPostgres } from '../../test/support/servers/postgres-server.ts';
import { type PeerName, peerDatabases, peerNames } from '../peers/peer.ts';
import type { Engine } from './punctual.ts';
import { startRedis } from './redis-server.ts';

/** Whom Punctual is held against where nobody says otherwise: on a file, who keeps jobs outside of a database; on a server, everybody. */
const usual: Readonly<Record<Engine, readonly PeerName[]>> = {
  sqlite: ['bullmq'],
  postgres: peerNames,
  mysql: peerNames,
};

/** Reads `usual`, `none`, or names by commas. Throws for others. */
export function peersOf(text: string, engine: Engine): readonly PeerName[] {
  if (text === 'usual') return usual[engine];
  if (text === 'none') return [];
  return text.split(',').map((given) => {
    const name = peerNames.find((known) => known === given);
    if (name) return name;
    throw new RangeError(`--peers must be usual, none, or some of ${peerNames.join(',')}`);
  });
}

/** Starts an empty private server such as the peer keeps its jobs on, which syncs every commit. */
export async function startPeerDatabase(name: PeerName): Promise<{ readonly url: string; stop(): Promise<void> }> {
  return peerDatabases[name] === 'redis' ? startRedis() : startPostgres();
}
