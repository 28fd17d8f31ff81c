import { setTimeout as delay } from 'node:timers/promises';
import type { Interruption, ProcessFleet } from '../../support/process-fleet.ts';

export interface TormentOptions {
  /** A controller is killed and another one paused this often, for this long in all. */
  readonly everyMs: number;
  readonly forMs: number;
  readonly pauseMs: number;
  /** Told of each process that was killed or paused, when it can do no more. */
  readonly onStruck: (interruption: Interruption) => Promise<void>;
}

/**
 * Kills a controller with SIGKILL every so often and starts it again, and stops another one with SIGSTOP for a while. Several may stand
 * still at once, but at every moment at least one controller runs.
 */
export async function torment(fleet: ProcessFleet, options: TormentOptions): Promise<void> {
  const { everyMs, forMs, onStruck } = options;
  const resumptions: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let round = 1; round * everyMs <= forMs; round++) {
    await delay(Math.max(0, startedAt + round * everyMs - performance.now()));
    const victim = nextVictim(fleet, round);
    await onStruck(await fleet.kill(victim));
    await fleet.start(victim);
    const next = nextToPause(fleet, victim, round);
    if (next !== undefined) resumptions.push(pauseFor(fleet, next, options));
  }
  await Promise.all(resumptions);
}

async function pauseFor(fleet: ProcessFleet, name: string, { pauseMs, onStruck }: TormentOptions): Promise<void> {
  const pause = fleet.pause(name);
  await Promise.all([delay(pauseMs), onStruck(pause)]);
  fleet.resume(pause);
}

/** The controllers, beginning with another one in each round. */
function inTurn(fleet: ProcessFleet, round: number): string[] {
  const names = fleet.names('controller');
  const first = round % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

/** One without which another still runs. It may be one that stands still: also that happens. */
function nextVictim(fleet: ProcessFleet, round: number): string {
  const names = inTurn(fleet, round);
  const victim = names.find((name) => names.some((other) => other !== name && fleet.isRunning(other)));
  if (victim === undefined) throw new Error('no controller runs');
  return victim;
}

/** One that runs besides another, if possible not the one that was just started. */
function nextToPause(fleet: ProcessFleet, justStarted: string, round: number): string | undefined {
  const running = inTurn(fleet, round).filter((name) => fleet.isRunning(name));
  return running.length < 2 ? undefined : running.find((name) => name !== justStarted);
}
