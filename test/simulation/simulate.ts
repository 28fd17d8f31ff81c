import type { CoreDeps } from '../../src/api/deps.ts';
import { isStoreOutage } from '../../src/timer/errors.ts';
import { shardOf } from '../../src/timer/id.ts';
import { Chance } from '../support/chance.ts';
import { Clients, notThere, type Ordered, unheard } from './clients.ts';
import { Database } from './database.ts';
import { judge } from './judge.ts';
import { type Life, Machine } from './machine.ts';
import { Network, type ReceiverMood } from './network.ts';
import { drawMood, drawPlan, fairMood, fairWeather, type Harm, type Plan } from './plan.ts';
import { Process, type Role } from './process.ts';
import { Scheduler } from './scheduler.ts';

export interface Result {
  readonly seed: number;
  /** What was broken, in sentences; empty when the promise was kept. */
  readonly faults: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly orders: number;
  readonly accepted: number;
  readonly calls: number;
  readonly harms: number;
}

export interface SimulateOptions {
  readonly seed: number;
  /** Told of everything that happens, line by line. */
  readonly trace?: (line: string) => void;
}

/** After the faults everything must have ended within this, in milliseconds. */
const settlesWithinMs = 240_000;
/** The probe is made so long after the last fault: by then nobody waits for anything any more. */
const probeAfterMs = 40_000;
/** How long a client waits for an answer. */
const patienceMs = 15_000;

/** Runs the world of a seed: a span with faults, then one without in which everything must come to its end; and judges it. */
export async function simulate({ seed, trace }: SimulateOptions): Promise<Result> {
  const world = new World(new Chance(seed), trace);
  await world.run();
  return { seed, ...world.result() };
}

/** A process, and its life on its machine. */
interface Running {
  readonly life: Life;
  readonly process: Process;
}

class World {
  readonly #scheduler = new Scheduler();
  readonly #chance: Chance;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #plan: Plan;
  readonly #databases: readonly Database[];
  readonly #machines: readonly Machine[];
  readonly #network: Network;
  readonly #clients: Clients;
  readonly #running = new Map<Machine, Running>();
  readonly #moods: ReceiverMood[];
  /** Timers and claims by which a controller took another one's call for lost. */
  readonly #takenOver = new Set<string>();
  readonly #faults: string[] = [];
  /** There are faults in the world. */
  #isFaulty = true;
  #harms = 0;
  #probe: Ordered | undefined;

  constructor(chance: Chance, trace: ((line: string) => void) | undefined) {
    const scheduler = this.#scheduler;
    this.#chance = chance;
    this.#trace = trace;
    const plan = drawPlan(chance);
    this.#plan = plan;
    this.#moods = [...plan.moods];
    const onCall = ({ owner }: Life, verb: string, args: readonly unknown[], result: unknown) =>
      this.#tell(() => `${owner} ${verb} ${JSON.stringify(args)} -> ${JSON.stringify(result)}`);
    const aheadMs = chance.whole(-3_600_000, 3_600_000);
    this.#databases = Array.from({ length: plan.databases }, (_, number) => {
      const clock = { drift: chance.between(-200e-6, 200e-6), offsetMs: aheadMs + chance.between(-20, 20) };
      const weather = () => (this.#isFaulty ? plan.weather : fairWeather);
      return new Database({ number, scheduler, chance: chance.fork(), weather, clock, onCall });
    });
    this.#machines = plan.roles.map((role, index) => {
      const drift = chance.between(-200e-6, 200e-6);
      const wallOffsetMs = chance.whole(-3_600_000, 3_600_000);
      return new Machine({ name: `${role}${index}`, scheduler, chance: chance.fork(), drift, wallOffsetMs });
    });
    this.#network = new Network({
      scheduler,
      chance: chance.fork(),
      moodOf: (destination) => this.#moodOf(destination),
      storeTimeOf: (id) => this.#databases[shardOf(id)]!.time(),
      onEvent: ({ id, machine, sentAt }, event) =>
        this.#tell(() => `call of ${id} by ${machine} at ${sentAt.toFixed(3)} ${event}`),
    });
    this.#clients = new Clients({
      scheduler,
      chance: chance.fork(),
      plan,
      ask: (work) => this.#ask(work),
      onFault: (fault) => this.#faults.push(fault),
    });
  }

  async run(): Promise<void> {
    const scheduler = this.#scheduler;
    for (const machine of this.#machines) this.#start(machine);
    this.#clients.begin();
    this.#scheduleHarms();
    await scheduler.run(this.#plan.faultyMs);
    this.#heal();
    const healedAt = scheduler.now;
    scheduler.after(probeAfterMs, () => {
      this.#probe = this.#clients.probe(2_000);
    });
    for (let until = healedAt + probeAfterMs + 5_000; until <= healedAt + settlesWithinMs; until += 2_000) {
      await scheduler.run(until);
      if (await this.#isSettled()) break;
    }
    await this.#judge();
  }

  result(): Omit<Result, 'seed'> {
    const accepted = this.#clients.orders.filter(({ tries }) =>
      tries.some(({ answer }) => answer.kind === 'ok'),
    ).length;
    return {
      faults: this.#faults,
      simulatedMs: this.#scheduler.now,
      events: this.#scheduler.happened,
      orders: this.#clients.orders.length,
      accepted,
      calls: this.#network.sent.length,
      harms: this.#harms,
    };
  }

  async #isSettled(): Promise<boolean> {
    const all = await Promise.all(this.#databases.map((database) => database.store.counts(database.time())));
    return all.every(({ waiting, executing }) => waiting + executing === 0);
  }

  async #judge(): Promise<void> {
    const { orders, askings } = this.#clients;
    const faults = await judge({
      orders,
      askings,
      sent: this.#network.sent,
      databases: this.#databases,
      takenOver: this.#takenOver,
      interruptions: new Map(this.#machines.map(({ name, interruptions }) => [name, interruptions])),
      historyMs: this.#plan.settings.controller.historyMs ?? Number.POSITIVE_INFINITY,
      probe: this.#probe,
    });
    this.#faults.push(...faults);
  }

  #moodOf(destination: string): ReceiverMood {
    if (!this.#isFaulty || destination === 'http://probe.test') return fairMood;
    return this.#moods[Number(destination.slice('http://r'.length, -'.test'.length))]!;
  }

  // Processes.

  #start(machine: Machine): void {
    const life = machine.start(() => this.#crashed(machine));
    const process = new Process({
      role: machine.name.replace(/\d+$/, '') as Role,
      life,
      databases: this.#databases,
      network: this.#network,
      chance: this.#chance.fork(),
      settings: this.#plan.settings,
      ring: (from, shard, at) => this.#ring(from, shard, at),
      onTakenOver: ({ id, claim }) => this.#takenOver.add(`${id} ${claim}`),
      onDefect: (error) => {
        if (!life.isOver() && !isStoreOutage(error))
          this.#faults.push(`a controller failed: ${error instanceof Error ? error.stack : error}`);
      },
    });
    this.#running.set(machine, { life, process });
    this.#tell(() => `${machine.name} starts`);
    process.start();
  }

  #crashed(machine: Machine): void {
    this.#tell(() => `${machine.name} dies`);
    this.#running.delete(machine);
    this.#scheduler.after(this.#isFaulty ? this.#chance.between(50, 8_000) : 100, () => this.#start(machine));
  }

  async #restart(machine: Machine): Promise<void> {
    const running = this.#running.get(machine);
    if (!running) return;
    await running.process.stop();
    if (running.life.isOver()) return;
    machine.end();
    this.#running.delete(machine);
    this.#tell(() => `${machine.name} has ended in order`);
    this.#scheduler.after(this.#chance.between(50, 2_000), () => this.#start(machine));
  }

  #ring(from: Life, shard: number, at: number): void {
    if (!this.#plan.rings) return;
    for (const { life, process } of this.#running.values()) {
      if (life === from || this.#chance.hits(0.1)) continue;
      life.post(this.#chance.between(0, 10), () => process.rung(shard, at));
    }
  }

  /** A client's request to one of the APIs, and the answer if that reaches it. */
  #ask<T>(work: (core: CoreDeps) => Promise<T>): Promise<T> {
    const chance = this.#chance;
    const scheduler = this.#scheduler;
    const machine = chance.pick(this.#machines.filter(({ name }) => !name.startsWith('controller')));
    const lost = this.#isFaulty && chance.hits(this.#plan.answersLost);
    return new Promise((resolve, reject) => {
      const back = (answer: () => void) =>
        scheduler.after(chance.mostlyShort(20), lost ? () => reject(unheard) : answer);
      scheduler.after(chance.mostlyShort(20), () => {
        const running = this.#running.get(machine);
        const core = running?.process.core;
        if (!core) return reject(notThere);
        const { life } = running;
        scheduler.after(patienceMs, () => reject(unheard));
        life.post(0, () => {
          if (!life.crosses()) return;
          const answered = (answer: () => void) => life.crosses() && back(answer);
          work(core).then(
            (value) => answered(() => resolve(value)),
            (error) => answered(() => reject(error)),
          );
        });
      });
    });
  }

  // Harm.

  #scheduleHarms(): void {
    for (const [harm, times] of Object.entries(this.#plan.harms) as [Harm, number][]) {
      for (let time = 0; time < times; time++) {
        this.#scheduler.after(this.#chance.between(1_000, this.#plan.faultyMs), () => {
          this.#harms++;
          this.#tell(() => `harm: ${harm}`);
          this.#harm(harm);
        });
      }
    }
  }

  #harm(harm: Harm): void {
    const chance = this.#chance;
    const machine = chance.pick(this.#machines);
    const database = chance.pick(this.#databases);
    const later = (msMax: number, run: () => void) => this.#scheduler.after(chance.between(50, msMax), run);
    const harms: Record<Harm, () => void> = {
      crash: () => machine.crash(),
      fuse: () => machine.lightFuse(chance.whole(1, 60)),
      pause: () => machine.pause(chance.between(10, 15_000), false),
      suspend: () => machine.pause(chance.between(10, 15_000), true),
      restart: () => void this.#restart(machine),
      outage: () => {
        database.goDown();
        later(chance.pick([500, 12_000]), () => database.comeBack());
      },
      fullDisk: () => {
        database.setFull(true);
        later(6_000, () => database.setFull(false));
      },
      storeClockStep: () => database.stepClock(chance.pick([-3_000, -700, 700, 5_000])),
      wallClockStep: () => machine.setWall(chance.whole(-3_600_000, 3_600_000)),
      moodSwing: () => {
        this.#moods[chance.whole(0, this.#moods.length - 1)] = drawMood(chance);
      },
    };
    harms[harm]();
  }

  /** From now on nothing goes wrong any more. */
  #heal(): void {
    this.#isFaulty = false;
    this.#tell(() => `the faults are over`);
    for (const database of this.#databases) {
      database.comeBack();
      database.setFull(false);
    }
    for (const machine of this.#machines) machine.heal();
  }

  #tell(line: () => string): void {
    this.#trace?.(`${this.#scheduler.now.toFixed(3).padStart(11)} ${line()}`);
  }
}
