import { answeredBeforeMs, type Disturbance, ofSender, settleMsMax } from '../../support/checker/disturbances.ts';
import type { Call } from '../../support/checker/evidence.ts';
import type { AcceptedById } from '../../support/load.ts';
import type { Interruption } from '../../support/process-fleet.ts';

/** What happened, from the clients', the service's and the receiver's points of view. */
export interface Evidence {
  readonly accepted: AcceptedById;
  /** The ids that the service lists as `uncertain`. */
  readonly uncertain: ReadonlySet<string>;
  readonly received: readonly Call[];
  readonly disturbances: readonly Disturbance[];
}

export interface Verdict {
  readonly accepted: number;
  /** Accepted, but neither called nor `uncertain`. */
  readonly lost: number;
  /** Calls that arrived before their timer was due. */
  readonly early: number;
  /** By how much the earliest of them was, in milliseconds. */
  readonly earliestMs: number;
  /** Calls beyond a timer's first. */
  readonly repeats: number;
  /** Of these, those of timers that must not be repeated whatever happens. */
  readonly repeatsAtMostOnce: number;
  /** Repeats whose earlier call was not on the wire, or just answered, when its process was disturbed. */
  readonly repeatsUnexplained: number;
  /** The most time that passed between the answer to a call and the disturbance that made it be repeated: answered, but not yet on disk. */
  readonly answeredBeforeMsMax: number;
  /** Calls of which nobody knows which process made them: any disturbance excuses them. */
  readonly ofUnknownProcess: number;
  /** Calls whose `webhook-id` is not their timer's. */
  readonly wrongIds: number;
  /** Calls for timers whose create nobody was told to have succeeded. */
  readonly strangers: number;
  readonly uncertain: number;
  /** Of these, those that the receiver had got. */
  readonly uncertainReceived: number;
}

export function judge({ accepted, uncertain, received: calls, disturbances }: Evidence): Verdict {
  const callsById = Map.groupBy(calls, ({ id }) => id);
  const repeated = [...callsById.values()].flatMap((all) => all.slice(0, -1));
  const beforeMs = repeated.map((call) => answeredBeforeMs(call, disturbances));
  const earlyMs = calls.map(({ id, arrivedAt }) => (accepted.get(id)?.dueAt ?? 0) - arrivedAt).filter((ms) => ms > 0);
  return {
    accepted: accepted.size,
    lost: [...accepted.keys()].filter((id) => !callsById.has(id) && !uncertain.has(id)).length,
    early: earlyMs.length,
    earliestMs: Math.max(0, ...earlyMs),
    repeats: repeated.length,
    repeatsAtMostOnce: repeated.filter(({ id }) => accepted.get(id)?.delivery === 'at-most-once').length,
    repeatsUnexplained: beforeMs.filter((ms) => ms > settleMsMax).length,
    answeredBeforeMsMax: Math.max(0, ...beforeMs.filter(Number.isFinite)),
    ofUnknownProcess: calls.filter(({ sender }) => sender === undefined).length,
    wrongIds: calls.filter(({ id, webhookId }) => id !== webhookId).length,
    strangers: calls.filter(({ id }) => !accepted.has(id)).length,
    uncertain: uncertain.size,
    uncertainReceived: [...uncertain].filter((id) => callsById.has(id)).length,
  };
}

/** The promises that do not depend on what was done to the service, as sentences about those that were broken. */
export function faultsOf(verdict: Verdict): string[] {
  const mustBeNone = {
    lost: 'timers were lost',
    early: 'calls were early',
    repeatsAtMostOnce: 'calls of at-most-once timers were repeated',
    repeatsUnexplained: 'repeats cannot be explained',
    wrongIds: "calls had another webhook-id than their timer's",
    strangers: 'calls were for timers that nobody was told of',
  } as const;
  const names = Object.keys(mustBeNone) as (keyof typeof mustBeNone)[];
  return names.filter((name) => verdict[name] > 0).map((name) => `${verdict[name]} ${mustBeNone[name]}`);
}

/** Kills and pauses, which concern calls of that process, and those of which nobody knows whose they were. */
export function disturbancesOf(interruptions: readonly Pick<Interruption, 'pid' | 'at'>[]): Disturbance[] {
  return interruptions.map(({ pid, at }) => ({ concerns: ofSender(pid), from: at, until: at }));
}
