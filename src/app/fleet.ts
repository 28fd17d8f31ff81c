import type { Config } from '../config.ts';
import { Controller } from '../controller/controller.ts';
import { defaultControllerSettings } from '../controller/settings.ts';
import type { ControllerTelemetry } from '../telemetry/controller-telemetry.ts';
import type { Random } from '../timer/random.ts';
import { HttpSender } from '../webhook/http-sender.ts';
import { Lanes } from '../webhook/lanes.ts';
import type { Dispatcher } from '../webhook/sender.ts';
import { TargetGuard } from '../webhook/target-guard.ts';
import type { Databases } from './databases.ts';

export interface FleetParts {
  readonly config: Config;
  readonly databases: Databases;
  readonly random: Random;
  readonly telemetry: ControllerTelemetry;
  /** Unique to this run of this process. */
  readonly owner: string;
  readonly version: string;
}

/** The controllers of a process, one for each database, so that one which is down holds up no other's timers. They share the lanes. */
export interface Fleet {
  /** Begins to claim. */
  start(): void;
  /** Says that a timer of this shard is to be sent at `at`. */
  wake(shard: number, at: number): void;
  /** How many timers they have in hand. */
  held(): number;
  lanes(): ReturnType<Lanes['view']>;
  /** Stops them all as `Controller.stop` does; gives how many timers could not be written. */
  stop(graceMs: number): Promise<number>;
}

/** Builds the controllers. They claim nothing before they are started. */
export function buildFleet(parts: FleetParts): Fleet {
  const { config, databases, random, telemetry, owner } = parts;
  const { sender, lanes } = buildLanes(parts);
  const dispatcher = sharedBy(lanes, databases.shards.length);
  const share = Math.max(1, Math.floor(config.heldMax / databases.shards.length));
  const controllers = new Map(
    databases.shards.map(({ number, name, store, clock, wakeups }) => {
      const controller = new Controller({
        owner,
        store,
        dispatcher,
        clock,
        random,
        observer: databases.areSeveral ? telemetry.of(name) : telemetry,
        settings: { ...defaultControllerSettings, ...config, heldMax: share, outageMsMax: config.reconnectWaitMs },
      });
      wakeups?.onRing((at) => controller.wake(at));
      return [number, controller];
    }),
  );
  const all = [...controllers.values()];
  return {
    start() {
      for (const controller of all) controller.start();
    },
    wake: (shard, at) => controllers.get(shard)?.wake(at),
    held: () => all.reduce((sum, { held }) => sum + held, 0),
    lanes: () => lanes.view(),
    async stop(graceMs) {
      const left = await Promise.all(all.map((controller) => controller.stop(graceMs)));
      await sender.close();
      return left.reduce((sum, count) => sum + count, 0);
    },
  };
}

/** The lanes as several controllers use them: they stop when the last of them has stopped. */
export function sharedBy(lanes: Lanes, controllers: number): Dispatcher {
  let running = controllers;
  return {
    dispatch: (call, permit) => lanes.dispatch(call, permit),
    get queued() {
      return lanes.queued;
    },
    shareRates: (sharers) => lanes.shareRates(sharers),
    stop() {
      running--;
      if (running === 0) lanes.stop();
    },
    cutOff: () => lanes.cutOff(),
  };
}

function buildLanes({ config, databases, random, telemetry, version }: FleetParts): {
  sender: HttpSender;
  lanes: Lanes;
} {
  const { clock } = databases;
  const sender = new HttpSender({
    clock,
    guard: new TargetGuard({ refuse: config.blockedTargets }),
    version,
    connectionsPerDestination: config.callsPerDestinationMax,
  });
  const lanes = new Lanes({
    sender,
    clock,
    random,
    perDestinationMax: config.callsPerDestinationMax,
    totalMax: config.callsMax,
    queuedMax: config.heldMax,
    ratePerSecond: config.callsPerSecondPerDestination,
    onBreaker: (destination, change) => telemetry.breaker(destination, change),
  });
  return { sender, lanes };
}
