import { setTimeout as delay } from 'node:timers/promises';
import { Chance } from '../../support/chance.ts';
import { type Disturbance, ofSender } from '../../support/checker/disturbances.ts';
import { limitDescriptors, noDescriptorLimits } from './descriptors.ts';
import type { Scene } from './mixed-scene.ts';
import { strike, type WireHarm } from './wire-harm.ts';

/** Something that goes wrong for a while. */
export interface Harm {
  /** Why it cannot be done in this scene; undefined where it can. `elsewhere`: it is no harm that this engine could meet. */
  readonly missing?: (scene: Scene) => string | undefined;
  /** Does it, and undoes it. */
  readonly run: (scene: Scene) => Promise<void>;
}

/** What is said of harms that an engine cannot meet. */
export const elsewhere = 'elsewhere';

/** Until its effects are over once it has been undone, in milliseconds: connections stand again, what was known is written. */
const aftermathMs = { store: 4_000, receiver: 1_000, process: 2_000 };
/** The lease of a claim is 6 s. */
const longerThanLeaseMs = 6_500;

const everybody: Disturbance['concerns'] = () => true;

/** Every harm by its name. */
export const harms: Readonly<Record<string, Harm>> = {
  'process killed': { run: killProcess },
  'process paused': { run: (scene) => pauseProcess(scene, spanOf(scene, 1_000, 5_000)) },
  'process paused beyond its lease': {
    run: (scene) => pauseProcess(scene, longerThanLeaseMs + spanOf(scene, 0, 8_500)),
  },
  'descriptors withheld': { missing: () => noDescriptorLimits, run: withholdDescriptors },
  'database killed': onServer((scene) => restartDatabase(scene, 'SIGKILL')),
  // PostgreSQL would wait for its clients at SIGTERM.
  'database restarted': onServer((scene) => restartDatabase(scene, scene.engine === 'postgres' ? 'SIGINT' : 'SIGTERM')),
  'disk full': { missing: ({ disk }) => (typeof disk === 'string' ? disk : undefined), run: fillDisk },
  'database delayed': onWire((scene) => ({ kind: 'delay', ms: scene.chance.whole(5, 60) })),
  'database in a black hole': onWire((scene) => ({
    kind: 'black-hole',
    end: scene.chance.pick(['resume', 'cut']),
  })),
  'database cut off': onWire(() => ({ kind: 'cut' })),
  'database cut behind a request': onWire(() => ({ kind: 'cut-behind-request', chance: 0.1 })),
  'database cut behind a commit': onWire(() => ({ kind: 'lose-commit', chance: 0.3 })),
  'receiver delayed': { run: (scene) => harmReceiver(scene, { kind: 'delay', ms: scene.chance.whole(20, 300) }) },
  'receiver cut off': { run: (scene) => harmReceiver(scene, { kind: 'cut' }) },
  'receiver cut behind a request': { run: (scene) => harmReceiver(scene, { kind: 'cut-behind-request', chance: 0.3 }) },
  'receiver cut in an answer': { run: (scene) => harmReceiver(scene, { kind: 'cut-in-answer', chance: 0.3 }) },
};

function spanOf({ chance, pace }: Scene, minMs: number, maxMs: number): number {
  return chance.whole(minMs, maxMs) * pace;
}

function onServer(run: Harm['run']): Harm {
  return { missing: ({ server }) => (server === undefined ? elsewhere : undefined), run };
}

function onWire(harmOf: (scene: Scene) => WireHarm): Harm {
  return onServer((scene) =>
    disturb(scene, everybody, aftermathMs.store, async () => {
      // Of its own, or the next harms would hang on how many bytes this one met.
      const chance = new Chance(scene.chance.whole(1, 1_000_000));
      const heal = strike(scene.wire!, harmOf(scene), chance);
      await delay(spanOf(scene, 2_000, 6_000));
      heal();
    }),
  );
}

/** Notes that what `work` does may have lost answers to calls that it concerns. */
async function disturb(
  scene: Scene,
  concerns: Disturbance['concerns'],
  afterMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const from = Date.now();
  try {
    await work();
  } finally {
    scene.disturbances.push({ concerns, from, until: Date.now() + afterMs });
  }
}

function anyMember({ fleet, chance }: Scene): string {
  return chance.pick([...fleet.names('serve'), ...fleet.names('api'), ...fleet.names('controller')]);
}

async function killProcess(scene: Scene): Promise<void> {
  const name = anyMember(scene);
  await scene.fleet.kill(name);
  await delay(spanOf(scene, 0, 3_000));
  await scene.fleet.start(name);
}

async function pauseProcess(scene: Scene, ms: number): Promise<void> {
  const pause = scene.fleet.pause(anyMember(scene));
  await delay(ms);
  scene.fleet.resume(pause);
}

async function withholdDescriptors(scene: Scene): Promise<void> {
  const pid = scene.fleet.pid(anyMember(scene))!;
  await disturb(scene, ofSender(pid), aftermathMs.process, async () => {
    const undo = await limitDescriptors(pid, scene.chance.whole(0, 6));
    // So that it needs new ones; the connections of the others break with its own.
    await disturb(scene, everybody, scene.wire ? aftermathMs.store : aftermathMs.receiver, async () => {
      scene.wire?.cut();
      scene.receiver.harm({ kind: 'cut' });
    });
    await delay(spanOf(scene, 2_000, 6_000));
    scene.receiver.harm(undefined);
    await undo();
  });
}

async function restartDatabase(scene: Scene, signal: NodeJS.Signals): Promise<void> {
  const server = scene.server!;
  await disturb(scene, everybody, aftermathMs.store, async () => {
    await server.kill(signal);
    await delay(spanOf(scene, 1_000, 5_000));
    await server.start();
  });
}

async function fillDisk(scene: Scene): Promise<void> {
  const { disk, server } = scene;
  if (typeof disk === 'string') throw new Error(disk);
  await disturb(scene, everybody, aftermathMs.store, async () => {
    await disk.fill();
    await delay(spanOf(scene, 3_000, 6_000));
    await disk.free();
    // PostgreSQL gives up where it cannot write its log: somebody must start it again.
    await server?.start();
  });
}

async function harmReceiver(scene: Scene, harm: WireHarm): Promise<void> {
  await disturb(scene, everybody, aftermathMs.receiver, async () => {
    scene.receiver.harm(harm);
    await delay(spanOf(scene, 1_000, 4_000));
    scene.receiver.harm(undefined);
  });
}
