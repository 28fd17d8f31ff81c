// node bench/peers/main.ts PEER ROLE --database URL [--count N --url URL]: see README.md.
import { parseArgs } from 'node:util';
import { startApi } from './api.ts';
import { type Peer, type PeerName, type PeerQueue, type PeerRole, peerNames, peerRoles } from './peer.ts';
import { Poster } from './poster.ts';

/** Only the one that is asked for is loaded. */
const peers: Readonly<Record<PeerName, () => Promise<Peer>>> = {
  'pg-boss': async () => (await import('./pg-boss.ts')).pgBoss,
  'graphile-worker': async () => (await import('./graphile-worker.ts')).graphileWorker,
  bullmq: async () => (await import('./bullmq.ts')).bullmq,
};

interface Given {
  readonly name: PeerName;
  readonly role: PeerRole;
  readonly database: string;
  readonly count: number;
  readonly url: string;
}

function given(): Given {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { database: { type: 'string' }, count: { type: 'string' }, url: { type: 'string' } },
  });
  const name = peerNames.find((known) => known === positionals[0]);
  const role = peerRoles.find((known) => known === positionals[1]);
  const { database, url = '' } = values;
  const count = Number(values.count ?? 0);
  const fills = count > 0 && URL.canParse(url);
  if (name && role && database && (role !== 'fill' || fills)) return { name, role, database, count, url };
  console.error(`usage: main.ts ${peerNames.join('|')} ${peerRoles.join('|')} --database URL [--count N --url URL]`);
  process.exit(2);
}

const { name, role, database, count, url } = given();
const peer = await peers[name]();
const queue = await peer.open(database);
if (role === 'fill') await fill();
else await serve(queue, role);

async function fill(): Promise<void> {
  ready();
  await queue.fill(count, (number) => numbered(url, number));
  await queue.close();
}

/** With the number as the last thing in the query, where bench receivers look for it. */
function numbered(url: string, number: number): string {
  return `${url}${url.includes('?') ? '&' : '?'}n=${number}`;
}

async function serve(queue: PeerQueue, role: 'api' | 'worker' | 'serve'): Promise<void> {
  const poster = new Poster();
  if (role !== 'api') await queue.work((url, id) => poster.post(url, id));
  const api = role === 'worker' ? undefined : await startApi(queue);
  process.once('SIGTERM', async () => {
    await api?.close();
    await queue.close();
    await poster.close();
  });
  ready(api?.url);
}

function ready(url?: string): void {
  console.log(url === undefined ? 'ready' : `ready ${url}`);
}
