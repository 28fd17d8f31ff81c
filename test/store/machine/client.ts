import type { Claimed, Hold } from '../../../src/store/store.ts';
import type { TimerId } from '../../../src/timer/id.ts';
import { newTimerId } from '../../../src/timer/id.ts';
import { bucketByteOfKey } from '../../../src/timer/key.ts';
import type { NewTimer, Timer } from '../../../src/timer/timer.ts';
import {
  cancel,
  fire,
  reschedule,
  resolve,
  retry,
  type Settlement,
  settle,
  takeOver,
  type Verdict,
} from '../../../src/timer/transition.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { aSpec } from '../../support/timers.ts';
import { anAttempt, t0 } from '../conformance.ts';
import { type Answer, type Operation, tenant } from './operation.ts';
import type { ChangeStep, InsertStep, SettleStep, Step } from './steps.ts';

/** What all clients of a store have in common: the time, and which timers there may be. */
export class Ground {
  nowMs = t0;
  readonly ids: TimerId[] = [];
  readonly random = seededRandom(1);
}

/** A timer in a client's hands, as it was claimed. */
interface Hand {
  readonly hold: Hold;
  readonly timer: Timer;
  /** What must be settled at once: the call of the one that it was taken from may have been made. */
  readonly due: Settlement | undefined;
}

const leaseMs = 2_000;
const horizonMs = 500;

/** A controller and an API in one: knows what it was answered, and makes operations of steps as the real ones would. */
export class Client {
  readonly owner: string;
  readonly #ground: Ground;
  readonly #hands: Hand[] = [];
  /** Timers as they were read, the newest last. */
  readonly #readings: Timer[] = [];
  #settled: Operation | undefined;

  constructor(owner: string, ground: Ground) {
    this.owner = owner;
    this.#ground = ground;
  }

  /** What the store is asked in this step; undefined where the client knows nothing to do it with. */
  operationOf(step: Step): Operation | undefined {
    const { nowMs } = this.#ground;
    switch (step.does) {
      case 'insert':
        return { verb: 'insert', timers: this.#newTimers(step) };
      case 'claim':
        return this.#claim(step);
      case 'begin':
        return this.#underHolds(step.hands, (holds) => ({ verb: 'begin', holds }));
      case 'extend':
        return this.#underHolds(step.hands, (holds) => ({ verb: 'extend', holds, untilAt: nowMs + step.forMs }));
      case 'release':
        return this.#underHolds(step.hands, (holds) => ({
          verb: 'release',
          releases: holds.map((hold) => ({ ...hold, claimAt: nowMs + step.forMs })),
        }));
      case 'settle':
        this.#settled = this.#settle(step) ?? this.#settled;
        return this.#settled;
      case 'settle again':
        return this.#settled;
      case 'change':
        return this.#change(step);
      case 'purge':
        return { verb: 'purge', request: { endedBefore: nowMs - step.agoMs, limit: step.limit } };
      case 'look':
        return this.#look(step.which);
      case 'find':
        return { verb: 'findKey', idempotency: { key: `k${step.key}`, fingerprint: `f${step.fingerprint}` } };
      case 'list':
      case 'counts':
        return { verb: step.does, nowMs };
    }
  }

  /** Takes note of an answer. */
  hear(operation: Operation, answer: Answer): void {
    if (operation.verb === 'claim') for (const each of answer as Claimed[]) this.#hands.push(this.#handOf(each));
    if (operation.verb === 'get' && answer) this.#readings.push(answer as Timer);
  }

  #newTimers({ timers }: InsertStep): NewTimer[] {
    const { nowMs, random, ids } = this.#ground;
    return timers.map(({ key, fingerprint, inMs, delivery }) => {
      const name = key === null ? undefined : `k${key}`;
      const place = { shard: 0, ...(name !== undefined && { bucketByte: bucketByteOfKey(name) }) };
      const id = newTimerId(nowMs, random, place);
      ids.push(id);
      const policy = { maxAttempts: 2, initialMs: 1_000, maxMs: 4_000, factor: 2 };
      return {
        id,
        tenant,
        spec: aSpec({ delivery, retry: policy }),
        dueAt: nowMs + inMs,
        idempotency: name === undefined ? null : { key: name, fingerprint: `f${fingerprint}` },
      };
    });
  }

  #claim({ limit, takesOver }: { readonly limit: number; readonly takesOver: boolean }): Operation {
    const { nowMs } = this.#ground;
    const request = {
      owner: this.owner,
      nowMs,
      horizonAt: nowMs + horizonMs,
      leaseUntil: nowMs + leaseMs,
      limit,
      bytesMax: 1_000_000,
      expiredBy: takesOver ? nowMs : Number.NEGATIVE_INFINITY,
    };
    return { verb: 'claim', request };
  }

  #underHolds(picks: readonly number[], make: (holds: Hold[]) => Operation): Operation | undefined {
    const hands = new Set(picks.flatMap((pick) => newest(this.#hands, pick)));
    return hands.size === 0 ? undefined : make([...hands].map(({ hold }) => hold));
  }

  #settle({ hands }: SettleStep): Operation | undefined {
    const settlements = hands.flatMap(({ hand, outcome }) =>
      newest(this.#hands, hand).map(({ hold, timer, due }) => {
        const status = { delivered: 200, rejected: 500, unreachable: null, unknown: null, blocked: null }[outcome];
        const attempt = anAttempt({ number: timer.attemptsMade + 1, outcome, status, error: this.owner });
        const context = { nowMs: this.#ground.nowMs, random: { ...this.#ground.random, fraction: () => 0.5 } };
        return { ...hold, settlement: due ?? settle(timer, attempt, context) };
      }),
    );
    return settlements.length === 0 ? undefined : { verb: 'settle', settlements };
  }

  #change({ how, which, isFresh, inMs }: ChangeStep): Operation | undefined {
    const [before] = newest(this.#readings, isFresh ? 0 : which);
    if (!before) return undefined;
    const { nowMs } = this.#ground;
    const verdicts: Record<ChangeStep['how'], () => Verdict> = {
      cancel: () => cancel(before, nowMs),
      fire: () => fire(before, nowMs),
      retry: () => retry(before, nowMs),
      'resolve as done': () => resolve(before, 'done', nowMs),
      'resolve as failed': () => resolve(before, 'failed', nowMs),
      reschedule: () => reschedule(before, { dueAt: nowMs + inMs }),
    };
    const verdict = verdicts[how]();
    // What is as it shall be is not written.
    if (!('after' in verdict) || verdict.after === before) return undefined;
    return { verb: 'change', change: { before, after: verdict.after } };
  }

  #look(which: number): Operation | undefined {
    const [id] = newest(this.#ground.ids, which);
    return id && { verb: 'get', id };
  }

  #handOf({ timer, takenFrom }: Claimed): Hand {
    const hold = { id: timer.id, owner: this.owner, claim: timer.claim };
    const taken = takenFrom === null ? { send: timer } : takeOver(timer, this.#ground.nowMs);
    if ('settle' in taken) return { hold, timer, due: taken.settle };
    return { hold, timer: taken.send, due: undefined };
  }
}

/** The newest for 0, the one before for 1, and so on, around; none where there is none. */
function newest<Item>(items: readonly Item[], pick: number): Item[] {
  return items.length === 0 ? [] : [items.at(-1 - (pick % items.length))!];
}
