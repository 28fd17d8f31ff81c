import type { Ticks } from '../../src/clock/system-clock.ts';
import type { Chance } from '../support/chance.ts';
import type { Scheduler } from './scheduler.ts';

/** When the world begins, by a clock that is right. */
export const worldStartMs = Date.UTC(2026, 0, 1);

/** A span in which a machine was not itself, true time. */
export interface Interruption {
  readonly from: number;
  until: number;
}

export interface MachineOptions {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** How much faster its steady clock runs than true time, as a part of it. */
  readonly drift: number;
  /** How far its wall clock is off, in milliseconds. */
  readonly wallOffsetMs: number;
}

/** One process's time on a machine: everything that reaches it comes through here, and everything that leaves it asks here. */
export interface Life extends Ticks {
  readonly machine: string;
  /** In whose name it holds leases. */
  readonly owner: string;
  isOver(): boolean;
  /** Brings something to the process after so long. It is lost if that dies meanwhile, and waits while it stands still. */
  post(delayMs: number, arrive: () => void): () => void;
  /** Asked for each thing that leaves the process or reaches it: whether it still lives. */
  crosses(): boolean;
}

/**
 * A machine on which one process runs at a time. That can stand still or die at any moment: also between two calls that it makes in
 * one go.
 */
export class Machine {
  readonly name: string;
  /** Crashes, pauses and suspensions. */
  readonly interruptions: Interruption[] = [];
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #drift: number;
  #wallOffsetMs: number;
  #suspendedMs = 0;
  #lives = 0;
  /** That of the process which runs now. */
  #life: Life | undefined;
  #pause: { readonly interruption: Interruption; readonly suspended: boolean } | undefined;
  /** What has come while it stood still. */
  #backlog: (() => void)[] = [];
  /** So many more crossings, and it dies. */
  #fuse = Number.POSITIVE_INFINITY;
  #onCrash: () => void = () => {};

  constructor({ name, scheduler, chance, drift, wallOffsetMs }: MachineOptions) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#drift = drift;
    this.#wallOffsetMs = wallOffsetMs;
  }

  /** Begins a process. `onCrash` is called when it dies. */
  start(onCrash: () => void): Life {
    this.#onCrash = onCrash;
    this.#lives++;
    const life: Life = {
      machine: this.name,
      owner: `${this.name}/${this.#lives}`,
      wall: () => worldStartMs + this.#scheduler.now + this.#wallOffsetMs,
      steady: () => this.#steady(),
      // As setTimeout, which knows whole milliseconds only, and no fewer than one.
      alarm: (delayMs, run) => life.post(Math.max(1, Math.floor(delayMs)) / (1 + this.#drift), run),
      post: (delayMs, arrive) => this.#post(life, delayMs, arrive),
      crosses: () => !life.isOver() && this.#burn(),
      isOver: () => this.#life !== life,
    };
    this.#life = life;
    return life;
  }

  /** The process ends in order. */
  end(): void {
    this.#life = undefined;
    this.#forget();
  }

  /** The process dies after so many more crossings. */
  lightFuse(crossings: number): void {
    this.#fuse = Math.min(this.#fuse, crossings);
  }

  /** The process dies now. */
  crash(): void {
    if (!this.#life) return;
    this.#life = undefined;
    this.interruptions.push({ from: this.#scheduler.now, until: this.#scheduler.now });
    this.#forget();
    this.#onCrash();
  }

  /** The process stands still; where the whole machine is suspended, its steady clock does too. */
  pause(forMs: number, suspended: boolean): void {
    if (!this.#life || this.#pause) return;
    const now = this.#scheduler.now;
    const interruption = { from: now, until: now + forMs };
    this.interruptions.push(interruption);
    const pause = { interruption, suspended };
    this.#pause = pause;
    this.#scheduler.after(forMs, () => {
      if (this.#pause === pause) this.#resume();
    });
  }

  /** Somebody sets the wall clock. */
  setWall(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs;
  }

  /** Nothing goes wrong with it any more. */
  heal(): void {
    this.#fuse = Number.POSITIVE_INFINITY;
    if (this.#pause) this.#resume();
  }

  #steady(): number {
    const paused = this.#pause?.suspended ? this.#scheduler.now - this.#pause.interruption.from : 0;
    return 5_000 + (this.#scheduler.now - this.#suspendedMs - paused) * (1 + this.#drift);
  }

  #post(life: Life, delayMs: number, arrive: () => void): () => void {
    let cancelled = false;
    const deliver = () => {
      if (cancelled || life.isOver()) return;
      if (this.#pause) this.#backlog.push(deliver);
      else arrive();
    };
    const cancel = this.#scheduler.after(delayMs, deliver);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  #burn(): boolean {
    this.#fuse--;
    if (this.#fuse > 0) return true;
    this.crash();
    return false;
  }

  #resume(): void {
    this.#unpause();
    // What has come meanwhile is met in no order that one could rely on: alarms ring before sockets are read, or after.
    const backlog = this.#backlog.splice(0);
    if (this.#chance.hits(0.5)) backlog.reverse();
    for (const deliver of backlog) this.#scheduler.after(0, deliver);
  }

  #forget(): void {
    this.#unpause();
    this.#backlog = [];
    this.#fuse = Number.POSITIVE_INFINITY;
  }

  #unpause(): void {
    if (!this.#pause) return;
    const { interruption, suspended } = this.#pause;
    interruption.until = this.#scheduler.now;
    if (suspended) this.#suspendedMs += this.#scheduler.now - interruption.from;
    this.#pause = undefined;
  }
}
