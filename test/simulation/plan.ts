import type { Delivery } from '../../src/timer/timer.ts';
import type { Chance } from '../support/chance.ts';
import type { DatabaseWeather } from './database.ts';
import type { ReceiverMood } from './network.ts';
import type { ProcessSettings, Role } from './process.ts';

/** Everything that a seed decides before its world begins. Spans in milliseconds. */
export interface Plan {
  readonly databases: number;
  readonly roles: readonly Role[];
  readonly settings: ProcessSettings;
  /** How long there are faults, and how long clients come. */
  readonly faultyMs: number;
  readonly orders: number;
  readonly verbs: number;
  readonly delayMsMax: number;
  readonly keyed: number;
  readonly batched: number;
  readonly atMostOnce: number;
  /** An answer to a client gets lost. */
  readonly answersLost: number;
  readonly weather: DatabaseWeather;
  readonly moods: readonly ReceiverMood[];
  /** How often each harm is done. */
  readonly harms: Readonly<Record<Harm, number>>;
  /** Databases tell processes of timers that are due soon. */
  readonly rings: boolean;
}

export type Harm =
  | 'crash'
  | 'fuse'
  | 'pause'
  | 'suspend'
  | 'restart'
  | 'outage'
  | 'fullDisk'
  | 'storeClockStep'
  | 'wallClockStep'
  | 'moodSwing';

/** A world without faults. */
export const fairWeather: DatabaseWeather = { latencyMs: 8, slow: 0, slowMsMax: 0, failsBefore: 0, failsAfter: 0 };

export const fairMood: ReceiverMood = {
  latencyMs: 20,
  refuses: 0,
  unreachable: 0,
  resetsBefore: 0,
  resetsAfter: 0,
  hangs: 0,
  slow: 0,
  slowMsMax: 0,
  drips: 0,
  fails: 0,
  statuses: [500],
  retryAfterSecondsMax: 0,
};

/** Each kind of fault is there or not, and where it is, rare or frequent: so that many seeds have few kinds, and some have all. */
export function drawPlan(chance: Chance): Plan {
  const faultyMs = chance.whole(10_000, 45_000);
  return {
    databases: chance.pick([1, 1, 1, 2, 3]),
    roles: chance.pick<readonly Role[]>([
      ['serve'],
      ['serve'],
      ['serve', 'serve'],
      ['api', 'controller'],
      ['api', 'controller', 'controller'],
      ['api', 'serve', 'controller'],
    ]),
    settings: drawSettings(chance),
    faultyMs,
    orders: chance.whole(5, 80),
    verbs: chance.hits(0.7) ? chance.whole(0, 60) : 0,
    delayMsMax: chance.pick([2_000, 10_000, 20_000]),
    keyed: chance.pick([0, 0.3, 1]),
    batched: chance.pick([0, 0.3]),
    atMostOnce: chance.pick([0, 0.4, 1]),
    answersLost: sometimes(chance, 0.2),
    weather: drawWeather(chance),
    moods: Array.from({ length: chance.whole(1, 4) }, () => drawMood(chance)),
    harms: {
      crash: often(chance, 4),
      fuse: often(chance, 4),
      pause: often(chance, 4),
      suspend: chance.hits(0.3) ? often(chance, 2) : 0,
      restart: often(chance, 3),
      outage: often(chance, 3),
      fullDisk: chance.hits(0.3) ? often(chance, 2) : 0,
      storeClockStep: chance.hits(0.2) ? 1 : 0,
      wallClockStep: chance.hits(0.3) ? often(chance, 3) : 0,
      moodSwing: often(chance, 4),
    },
    rings: chance.hits(0.5),
  };
}

/** How a receiver behaves now. */
export function drawMood(chance: Chance): ReceiverMood {
  return {
    latencyMs: chance.pick([5, 50, 500]),
    refuses: sometimes(chance, 0.8),
    unreachable: chance.hits(0.2) ? 0.3 : 0,
    resetsBefore: sometimes(chance, 0.4),
    resetsAfter: sometimes(chance, 0.4),
    hangs: sometimes(chance, 0.4),
    slow: sometimes(chance, 0.5),
    slowMsMax: chance.pick([1_000, 9_000]),
    drips: sometimes(chance, 0.5),
    fails: sometimes(chance, 0.7),
    statuses: chance.pick([[500], [429, 503], [302, 404, 500], [400, 410, 500, 502], [99 + 200]]),
    retryAfterSecondsMax: chance.pick([0, 2, 6]),
  };
}

/** The way in which a timer is to be sent. */
export function drawDelivery(chance: Chance, plan: Plan): Delivery {
  return chance.hits(plan.atMostOnce) ? 'at-most-once' : 'at-least-once';
}

function drawSettings(chance: Chance): ProcessSettings {
  const tight = chance.hits(0.3);
  return {
    controller: {
      pollMs: chance.pick([200, 300, 500]),
      batchMax: tight ? chance.whole(1, 8) : 500,
      heldMax: tight ? chance.whole(4, 40) : 4_096,
      ...(chance.hits(0.3) ? { historyMs: chance.whole(2_000, 20_000), purgeEveryMs: 2_000 } : {}),
    },
    insertQueueMax: tight ? chance.whole(1, 10) : 10_000,
    insertBatchMax: tight ? chance.whole(1, 10) : 1_000,
    callsMax: tight ? chance.whole(1, 16) : 512,
    callsPerDestinationMax: tight ? chance.whole(1, 4) : 64,
    callsPerSecondPerDestination: chance.hits(0.15) ? chance.whole(5, 20) : 0,
    shutdownGraceMs: chance.pick([500, 5_000]),
  };
}

function drawWeather(chance: Chance): DatabaseWeather {
  return {
    latencyMs: chance.pick([2, 20, 200]),
    slow: sometimes(chance, 0.1),
    slowMsMax: chance.pick([500, 3_000, 20_000]),
    failsBefore: sometimes(chance, 0.3),
    failsAfter: sometimes(chance, 0.3),
  };
}

function sometimes(chance: Chance, max: number): number {
  return chance.hits(0.35) ? chance.mostlyShort(max) : 0;
}

function often(chance: Chance, max: number): number {
  return chance.hits(0.4) ? chance.whole(1, max) : 0;
}
