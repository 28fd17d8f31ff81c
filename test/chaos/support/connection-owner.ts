import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Which of the processes holds the other end of each local connection, by the port at that end: what tells apart calls of several
 * controllers, which look alike. Linux says so in /proc; elsewhere, and of processes that have ended, nothing is known.
 */
export function ownersOfPorts(ports: ReadonlySet<number>, pids: readonly number[]): Map<number, number> {
  const portBySocket = socketsOf(ports);
  const owners = new Map<number, number>();
  if (portBySocket.size === 0) return owners;
  for (const pid of pids) {
    for (const socket of openSockets(pid)) {
      const port = portBySocket.get(socket);
      if (port !== undefined) owners.set(port, pid);
    }
  }
  return owners;
}

/** From inode to local port. The columns of /proc/net/tcp: proc_pid_net(5), proc(5). */
function socketsOf(ports: ReadonlySet<number>): Map<string, number> {
  const lines = orEmpty(() => readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1));
  const found = lines.flatMap((line): [string, number][] => {
    const [, local, , , , , , , , inode] = line.trim().split(/\s+/);
    const port = Number.parseInt(local?.split(':')[1] ?? '', 16);
    return inode && ports.has(port) ? [[inode, port]] : [];
  });
  return new Map(found);
}

function openSockets(pid: number): string[] {
  const names = orEmpty(() => readdirSync(`/proc/${pid}/fd`));
  return names.flatMap((name) => {
    const [target] = orEmpty(() => [readlinkSync(`/proc/${pid}/fd/${name}`)]);
    return target?.startsWith('socket:[') ? [target.slice('socket:['.length, -1)] : [];
  });
}

/** Processes end and files are closed while they are being looked at. */
function orEmpty<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch {
    return [];
  }
}
