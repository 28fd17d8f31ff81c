import { startGuard } from './servers/guard.ts';

// Every process is killed by its id, and taken off the list when it has ended, so that no stranger is met who got its id later.
const script = `
  pids=''
  while read -r word pid; do
    left=''
    for known in $pids; do if [ "$known" != "$pid" ]; then left="$left $known"; fi; done
    pids=$left
    if [ "$word" = start ]; then pids="$pids $pid"; fi
  done
  for pid in $pids; do kill -9 "$pid"; done
`;

/** Kills processes when this one has ended, however it ends. */
export interface ProcessGuard {
  started(pid: number): void;
  ended(pid: number): void;
  /** Kills what is left, now. */
  release(): Promise<void>;
}

export function startProcessGuard(): ProcessGuard {
  const guard = startGuard(script);
  return {
    started: (pid) => guard.tell(`start ${pid}`),
    ended: (pid) => guard.tell(`end ${pid}`),
    release: () => guard.release(),
  };
}
