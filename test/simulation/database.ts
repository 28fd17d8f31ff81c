import { MemoryStore } from '../../src/store/memory.ts';
import type { Claimed, Store } from '../../src/store/store.ts';
import { wrapStore } from '../../src/store/wrap.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { TimerId } from '../../src/timer/id.ts';
import type { Ended } from '../../src/timer/timer.ts';
import type { Chance } from '../support/chance.ts';
import { answerLost, type Ordeal } from '../support/faulty-store.ts';
import { type Life, worldStartMs } from './machine.ts';
import type { Scheduler } from './scheduler.ts';

/** How likely things go wrong between processes and a database; probabilities for each call, spans in milliseconds. */
export interface DatabaseWeather {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMsMax: number;
  readonly failsBefore: number;
  readonly failsAfter: number;
}

/** Something that befell calls of one machine, true time. */
export interface Trouble {
  readonly machine: string;
  readonly verb: keyof Store;
  readonly kind: 'failed' | 'slow';
  readonly at: number;
}

/** A lease that ran out and was taken over. */
export interface TakeOver {
  readonly id: TimerId;
  readonly from: string;
  readonly claim: number;
  readonly at: number;
}

export interface DatabaseOptions {
  readonly number: number;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly weather: () => DatabaseWeather;
  readonly clock: { readonly drift: number; readonly offsetMs: number };
  /** Told of each call that has its effect. */
  readonly onCall: (life: Life, verb: keyof Store, args: readonly unknown[], result: unknown) => void;
}

/** As drivers and servers are set: a call that takes longer fails, and may have its effect later all the same. */
const answerMsMax = 8_000;

/** One database: a store, its clock, and the bad connections to it. */
export class Database {
  readonly number: number;
  readonly store: Store;
  /** Calls that failed or were slow. */
  readonly troubles: Trouble[] = [];
  /** When the clock was set, true time. */
  readonly clockSteps: { readonly at: number; readonly byMs: number }[] = [];
  readonly takeOvers: TakeOver[] = [];
  /** When `done` was on record, true time. */
  readonly doneAt = new Map<TimerId, number>();
  /** How long timers had been ended when they were deleted, in milliseconds. */
  readonly purgedAfterMs = new Map<TimerId, number>();
  /** When timers ended, by this database's clock. */
  readonly #endedAt = new Map<TimerId, number>();
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #weather: () => DatabaseWeather;
  readonly #drift: number;
  readonly #onCall: DatabaseOptions['onCall'];
  #offsetMs: number;
  #isDown = false;
  #isFull = false;
  /** Goes up when connections break. */
  #epoch = 0;

  constructor({ number, scheduler, chance, weather, clock, onCall }: DatabaseOptions) {
    this.number = number;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#weather = weather;
    this.#drift = clock.drift;
    this.#offsetMs = clock.offsetMs;
    this.#onCall = onCall;
    this.store = this.#watched(new MemoryStore({ time: () => Math.floor(this.time()) }));
  }

  /** Its clock, with fractions. */
  time(): number {
    return worldStartMs + this.#scheduler.now * (1 + this.#drift) + this.#offsetMs;
  }

  stepClock(byMs: number): void {
    this.clockSteps.push({ at: this.#scheduler.now, byMs });
    this.#offsetMs += byMs;
  }

  goDown(): void {
    this.#isDown = true;
    this.#epoch++;
  }

  comeBack(): void {
    this.#isDown = false;
  }

  setFull(isFull: boolean): void {
    this.#isFull = isFull;
  }

  /** The store as the machine's processes see it. */
  connection(life: Life): Store {
    return wrapStore(
      () => this.store,
      (verb, call) =>
        (...args) =>
          new Promise((resolve, reject) => {
            if (!life.crosses()) return;
            const noted = async () => {
              const result = await call(...args);
              this.#onCall(life, verb, args, result);
              return result;
            };
            this.#exchange(life, verb, noted, { resolve, reject });
          }),
    );
  }

  #exchange<T>(
    life: Life,
    verb: keyof Store,
    call: () => Promise<T>,
    { resolve, reject }: { resolve: (result: T) => void; reject: (error: unknown) => void },
  ): void {
    if (verb === 'close') {
      resolve(undefined as T);
      return;
    }
    const { askMs = 0, answerMs = 0, fails } = this.#ordeal(life, verb);
    const epoch = this.#epoch;
    const answer = (delayMs: number, run: () => void) =>
      void life.post(delayMs, () => {
        cancelTimeout();
        if (life.crosses()) run();
      });
    const fail = (error: PunctualError) => {
      this.#note(life, verb, 'failed');
      answer(answerMs, () => reject(error));
    };
    const cancelTimeout = life.post(answerMsMax, () => {
      this.#note(life, verb, 'slow');
      if (life.crosses()) reject(answerLost(verb));
    });
    this.#scheduler.after(askMs, () => {
      if (this.#isDown || fails === 'before') return fail(new PunctualError('store_unavailable'));
      if (this.#isFull && writes.has(verb)) return fail(new PunctualError('store_full'));
      call().then((result) => {
        if (fails === 'after') return fail(answerLost(verb));
        // Connections that break while the answer is on its way take it with them.
        this.#scheduler.after(answerMs, () => {
          if (epoch === this.#epoch) answer(0, () => resolve(result));
          else fail(answerLost(verb));
        });
      }, fail);
    });
  }

  #ordeal(life: Life, verb: keyof Store): Ordeal {
    const { latencyMs, slow, slowMsMax, failsBefore, failsAfter } = this.#weather();
    const chance = this.#chance;
    const [askMs, answerMs] = [chance.mostlyShort(latencyMs), chance.mostlyShort(latencyMs)];
    if (chance.hits(failsBefore)) return { askMs, answerMs, fails: 'before' };
    if (chance.hits(failsAfter)) return { askMs, answerMs, fails: 'after' };
    if (!chance.hits(slow)) return { askMs, answerMs };
    this.#note(life, verb, 'slow');
    const slowMs = chance.between(0, slowMsMax);
    return chance.hits(0.5) ? { askMs: slowMs, answerMs } : { askMs, answerMs: slowMs };
  }

  #note({ machine }: Life, verb: keyof Store, kind: Trouble['kind']): void {
    this.troubles.push({ machine, verb, kind, at: this.#scheduler.now });
  }

  /** Notes what the promise speaks of, at the moment that it is on record. */
  #watched(store: MemoryStore): Store {
    const plain = wrapStore(
      () => store,
      (_verb, call) => call,
    );
    return {
      ...plain,
      claim: async (request) => this.#noteTakeOvers(await store.claim(request)),
      settle: async (settlements) => {
        const results = await store.settle(settlements);
        for (const [index, { id, settlement }] of settlements.entries()) {
          if (results[index] === 'applied')
            this.#noteEnd(id, 'ended' in settlement.next ? settlement.next.ended : null);
        }
        return results;
      },
      change: async (change) => {
        const result = await store.change(change);
        if (result === 'applied') this.#noteEnd(change.before.id, change.after.ended);
        return result;
      },
      purge: async (request) => {
        const count = await store.purge(request);
        if (count > 0) await this.#notePurged(store);
        return count;
      },
    };
  }

  #noteTakeOvers(claims: Claimed[]): Claimed[] {
    for (const { timer, takenFrom } of claims) {
      if (takenFrom !== null)
        this.takeOvers.push({ id: timer.id, from: takenFrom, claim: timer.claim, at: this.#scheduler.now });
    }
    return claims;
  }

  #noteEnd(id: TimerId, ended: Ended | null): void {
    if (ended) this.#endedAt.set(id, ended.at);
    else this.#endedAt.delete(id);
    if (ended?.status === 'done' && !this.doneAt.has(id)) this.doneAt.set(id, this.#scheduler.now);
  }

  async #notePurged(store: Store): Promise<void> {
    for (const [id, at] of this.#endedAt) {
      if (await store.get(id)) continue;
      this.#endedAt.delete(id);
      this.purgedAfterMs.set(id, this.time() - at);
    }
  }
}

/** What a full disk keeps from being done. */
const writes: ReadonlySet<keyof Store> = new Set([
  'insert',
  'change',
  'claim',
  'begin',
  'extend',
  'settle',
  'release',
  'purge',
  'beat',
]);
