import fc from 'fast-check';
import type { OutcomeKind } from '../../../src/timer/outcome.ts';
import type { Delivery } from '../../../src/timer/timer.ts';

/** What a client does next, in terms of what it will know by then: `hand`, `which` count back from the newest. */
export type Step =
  | InsertStep
  | { readonly does: 'claim'; readonly limit: number; readonly takesOver: boolean }
  | { readonly does: 'begin'; readonly hands: readonly number[] }
  | { readonly does: 'extend' | 'release'; readonly hands: readonly number[]; readonly forMs: number }
  | SettleStep
  | { readonly does: 'settle again' }
  | { readonly does: 'look'; readonly which: number }
  | ChangeStep
  | { readonly does: 'purge'; readonly limit: number; readonly agoMs: number }
  | { readonly does: 'find'; readonly key: number; readonly fingerprint: number }
  | { readonly does: 'list' | 'counts' };

export interface InsertStep {
  readonly does: 'insert';
  readonly timers: readonly {
    readonly key: number | null;
    readonly fingerprint: number;
    readonly inMs: number;
    readonly delivery: Delivery;
  }[];
}

export interface SettleStep {
  readonly does: 'settle';
  readonly hands: readonly { readonly hand: number; readonly outcome: OutcomeKind }[];
}

export interface ChangeStep {
  readonly does: 'change';
  readonly how: 'cancel' | 'fire' | 'retry' | 'resolve as done' | 'resolve as failed' | 'reschedule';
  /** Which reading it is decided on. Where a fresh one is asked for: the newest, and before that this timer may be read. */
  readonly which: number;
  readonly isFresh: boolean;
  readonly inMs: number;
}

/** By which they are known, with a letter before it. */
export const keys = [0, 1];

const pick = fc.nat({ max: 3 });
const hands = fc.array(pick, { minLength: 1, maxLength: 3 });
// Coarse times, so that things meet.
const soonMs = fc.constantFrom(0, 0, 0, 500, 1_000, 3_000);
const key = fc.constantFrom(...keys);
const fingerprint = fc.constantFrom(0, 0, 0, 1);
const delivery = fc.constantFrom<Delivery>('at-least-once', 'at-most-once');
const outcome = fc.constantFrom<OutcomeKind>('delivered', 'rejected', 'unreachable', 'unknown', 'blocked');

const always = <Value extends string>(value: Value) => fc.constant(value);

export const insertStep = fc.record({
  does: always('insert'),
  timers: fc.array(fc.record({ key: fc.option(key), fingerprint, inMs: soonMs, delivery }), {
    minLength: 1,
    maxLength: 3,
  }),
});

/** Any step but an insert. */
const otherSteps = [
  {
    weight: 5,
    arbitrary: fc.record({ does: always('claim'), limit: fc.integer({ min: 1, max: 4 }), takesOver: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ does: always('begin'), hands }) },
  { weight: 1, arbitrary: fc.record({ does: always('extend'), hands, forMs: soonMs }) },
  { weight: 2, arbitrary: fc.record({ does: always('release'), hands, forMs: soonMs }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: always('settle'),
      hands: fc.array(fc.record({ hand: pick, outcome }), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: always('settle again') }) },
  { weight: 3, arbitrary: fc.record({ does: always('look'), which: pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: always('change'),
      how: fc.constantFrom<ChangeStep['how']>(
        'cancel',
        'fire',
        'retry',
        'resolve as done',
        'resolve as failed',
        'reschedule',
      ),
      which: pick,
      isFresh: fc.boolean(),
      inMs: soonMs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: always('purge'),
      limit: fc.integer({ min: 1, max: 3 }),
      agoMs: fc.constantFrom(-1, -1, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: always('find'), key, fingerprint }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('list' as const, 'counts' as const) }) },
];

/** Whatever a client may do. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof({ weight: 3, arbitrary: insertStep }, ...otherSteps);
