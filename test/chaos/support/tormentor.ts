import { setTimeout as delay } from 'node:timers/promises';
import type { Interruption, ProcessFleet } from '../../support/process-fleet.ts';

export interface TormentOptions {
  /** A controller is killed and another one paused this often, for this long in all. */
  readonly everyMs: number;
  readonly forMs: number;
  readonly pauseMs: number;
  /** The ids of the timers that a process holds. */
  readonly heldBy: (pid: number) => Promise<readonly string[]>;
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
    const victim = await nextVictim(fleet, round, options);
    await onStruck(await fleet.kill(victim));
    await fleet.start(victim);
    const next = await nextToPause(fleet, victim, round, options);
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

/** Of those that run the one that it hurts most, if another still runs; else one that stands still: that happens too. */
async function nextVictim(fleet: ProcessFleet, round: number, options: TormentOptions): Promise<string> {
  const names = inTurn(fleet, round);
  const running = names.filter((name) => fleet.isRunning(name));
  if (running.length === 0) throw new Error('no controller runs');
  if (running.length > 1) return busiest(fleet, running, options);
  return names.find((name) => !running.includes(name))!;
}

/** The busiest of those that run, if possible not the one that was just started; none without which no other would run. */
async function nextToPause(
  fleet: ProcessFleet,
  justStarted: string,
  round: number,
  options: TormentOptions,
): Promise<string | undefined> {
  const running = inTurn(fleet, round).filter((name) => fleet.isRunning(name));
  if (running.length < 2) return undefined;
  return busiest(
    fleet,
    running.filter((name) => name !== justStarted),
    options,
  );
}

/** Controllers do not share the work evenly: who looks just behind another finds little. */
async function busiest(fleet: ProcessFleet, names: readonly string[], { heldBy }: TormentOptions): Promise<string> {
  const loads = await Promise.all(names.map(async (name) => ({ name, held: (await heldBy(fleet.pid(name)!)).length })));
  return loads.toSorted((a, b) => b.held - a.held)[0]!.name;
}
