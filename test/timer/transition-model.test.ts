import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Attempt, attemptsKept, type OutcomeKind } from '../../src/timer/outcome.ts';
import { attemptAt, type Delivery, latenessMs, statusAt, type Timer } from '../../src/timer/timer.ts';
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
} from '../../src/timer/transition.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { aSpec, aTimer } from '../support/timers.ts';

const startMs = Date.UTC(2026, 0, 1);

type ClientCommand = Exclude<Command, { does: 'claim' | 'release' | 'send' | 'die' }>;

/** How far a controller had come when it died. */
type Death = 'before the mark' | 'marked' | 'sent';

type Command =
  | { readonly does: 'claim' | 'release' }
  | { readonly does: 'send'; readonly outcome: OutcomeKind; readonly status: number }
  | { readonly does: 'die'; readonly death: Death }
  | { readonly does: 'cancel' | 'fire' | 'retry' }
  | { readonly does: 'resolve'; readonly as: 'done' | 'failed' }
  | {
      readonly does: 'reschedule';
      readonly inMs?: number;
      readonly delivery?: Delivery;
      readonly maxAttempts?: number;
    };

/**
 * One timer with its store, its controllers and the wire, as simple as can be. It knows what really happened on the wire, and checks
 * after each command that the timer keeps what design, section 1, promises.
 */
class World {
  nowMs = startMs;
  /** As the store has it. */
  timer: Timer;
  /** As its living holder has it; null when nobody holds it, or its holder died. */
  hand: Timer | null = null;
  takenOver = false;
  /** Calls of which a byte may have left: ever, and since the last retry by hand. */
  sent = 0;
  sentSinceRetry = 0;
  readonly random = seededRandom(1);

  constructor(delivery: Delivery) {
    this.timer = aTimer(startMs, { spec: aSpec({ delivery }) });
  }

  run(command: Command): void {
    const before = this.timer;
    this.nowMs += 1_000;
    this.#do(command);
    this.#check(before);
  }

  #do(command: Command): void {
    switch (command.does) {
      case 'claim':
        this.#claim();
        break;
      case 'release':
        this.#release();
        break;
      case 'send':
        this.#send(command);
        break;
      case 'die':
        this.#die(command.death);
        break;
      default:
        this.#change(command);
    }
  }

  #claim(): void {
    if (this.timer.ended || this.hand) return;
    this.takenOver = this.timer.lease !== null;
    const lease = { owner: 'a', until: this.nowMs + 6_000 };
    this.timer = { ...this.timer, lease, claim: this.timer.claim + 1 };
    const decision = this.takenOver ? takeOver(this.timer, this.nowMs) : { send: this.timer };
    if ('settle' in decision) this.#write(decision.settle);
    else this.hand = decision.send;
  }

  /** A timer that was taken over goes back with its lost attempt on record, as the controller does it. */
  #release(): void {
    if (!this.hand) return;
    const { attempts, attemptsMade, attemptsMax } = this.hand;
    if (this.takenOver) {
      this.#write({ attempts, attemptsMade, attemptsMax, next: { retryAt: this.nowMs } });
    } else {
      this.timer = { ...this.timer, lease: null, begunClaim: null };
      this.hand = null;
    }
  }

  #send({ outcome, status }: { outcome: OutcomeKind; status: number }): void {
    if (!this.hand) return;
    this.#mark();
    if (outcome !== 'unreachable' && outcome !== 'blocked') this.#bytesLeave();
    const attempt: Attempt = {
      number: this.hand.attemptsMade + 1,
      outcome,
      startedAt: this.nowMs,
      durationMs: 1,
      status: outcome === 'rejected' ? status : null,
      error: null,
      response: null,
    };
    this.#write(settle(this.hand, attempt, { nowMs: this.nowMs, random: this.random }));
  }

  #die(death: Death): void {
    if (!this.hand) return;
    if (death !== 'before the mark') this.#mark();
    if (death === 'sent') this.#bytesLeave();
    this.hand = null;
  }

  #mark(): void {
    if (this.timer.spec.delivery === 'at-most-once') this.timer = { ...this.timer, begunClaim: this.timer.claim };
  }

  #bytesLeave(): void {
    assert.notEqual(this.timer.ended?.status, 'done', 'a recorded success was sent again');
    if (this.timer.spec.delivery === 'at-most-once')
      assert.equal(this.sentSinceRetry, 0, 'at-most-once was sent twice');
    this.sent++;
    this.sentSinceRetry++;
  }

  #write({ next, ...counted }: Settlement): void {
    this.timer = { ...this.timer, ...counted, lease: null, begunClaim: null, retryAt: null, ...next };
    this.hand = null;
  }

  #change(command: ClientCommand): void {
    const before = this.timer;
    const verdict = this.#verdict(command);
    if ('refused' in verdict) {
      assert.ok(verdict.because.length > 0);
      return;
    }
    const { after } = verdict;
    assert.equal(before.lease, null, 'a timer was changed under its holder');
    if (after !== before) assert.equal(after.claim, before.claim + 1);
    this.timer = after;
    if (command.does === 'retry') this.sentSinceRetry = 0;
  }

  #verdict(command: ClientCommand): Verdict {
    const { timer, nowMs } = this;
    switch (command.does) {
      case 'cancel':
        return cancel(timer, nowMs);
      case 'fire':
        return fire(timer, nowMs);
      case 'retry':
        return retry(timer, nowMs);
      case 'resolve':
        return resolve(timer, command.as, nowMs);
      case 'reschedule': {
        const { delivery = timer.spec.delivery, maxAttempts = timer.spec.retry.maxAttempts, inMs } = command;
        const spec = { ...timer.spec, delivery, retry: { ...timer.spec.retry, maxAttempts } };
        return reschedule(timer, inMs === undefined ? { spec } : { dueAt: nowMs + inMs, spec });
      }
    }
  }

  #check(before: Timer): void {
    const { timer } = this;
    const endedBefore = before.ended?.status;
    if (endedBefore === 'done' || endedBefore === 'cancelled') assert.equal(timer, before, `${endedBefore} came back`);
    if (timer.ended?.status === 'cancelled') assert.equal(this.sent, 0, 'cancelled, but it may have been sent');
    if (timer.ended) assert.ok(!timer.lease, 'ended, but somebody holds it');
    assert.equal(
      statusAt(timer, Number.POSITIVE_INFINITY),
      timer.ended?.status ?? (timer.lease ? 'executing' : 'waiting'),
    );
    assert.ok(timer.claim >= before.claim);
    assert.ok(Number.isInteger(attemptAt(timer)));
    assert.ok((latenessMs(timer) ?? 0) >= 0);
    this.#checkAttempts(before);
  }

  #checkAttempts(before: Timer): void {
    const { attempts, attemptsMade } = this.timer;
    assert.ok(attemptsMade >= before.attemptsMade);
    assert.equal(attempts.length, Math.min(attemptsMade, attemptsKept));
    const numbers = attempts.map(({ number }) => number);
    assert.deepEqual(
      numbers,
      numbers.map((_, at) => attemptsMade - attempts.length + at + 1),
    );
  }
}

const outcomes = fc.constantFrom<OutcomeKind>('delivered', 'rejected', 'unreachable', 'unknown', 'blocked');
const deliveries = fc.constantFrom<Delivery>('at-least-once', 'at-most-once');

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ does: fc.constant('claim' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('send' as const),
      outcome: outcomes,
      status: fc.constantFrom(302, 410, 429, 500),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('die' as const),
      death: fc.constantFrom<Death>('before the mark', 'marked', 'sent'),
    }),
  },
  fc.record({ does: fc.constantFrom('release' as const, 'cancel' as const, 'fire' as const, 'retry' as const) }),
  fc.record({ does: fc.constant('resolve' as const), as: fc.constantFrom('done' as const, 'failed' as const) }),
  fc.record(
    {
      does: fc.constant('reschedule' as const),
      inMs: fc.integer({ min: -60_000, max: 60_000 }),
      delivery: deliveries,
      maxAttempts: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ['does'] },
  ),
);

describe('whatever happens to a timer, in whatever order', () => {
  it('it keeps its promises', () => {
    fc.assert(
      fc.property(deliveries, fc.array(commands, { maxLength: 60, size: 'max' }), (delivery, history) => {
        const world = new World(delivery);
        for (const command of history) world.run(command);
      }),
      { numRuns: 1_000 },
    );
  });

  it('it ends when every attempt fails and nobody meddles, after as many attempts as are allowed', () => {
    const failing = fc.constantFrom<OutcomeKind>('rejected', 'unreachable', 'unknown');
    fc.assert(
      fc.property(fc.array(failing, { minLength: 8, maxLength: 8 }), (attempts) => {
        const world = new World('at-least-once');
        for (const outcome of attempts) {
          assert.equal(world.timer.ended, null);
          world.run({ does: 'claim' });
          world.run({ does: 'send', outcome, status: 500 });
        }
        assert.equal(world.timer.ended?.status, 'failed');
      }),
    );
  });
});
