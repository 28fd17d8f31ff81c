import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Claimed, InsertResult, Store } from '../../../src/store/store.ts';
import { wrapStore } from '../../../src/store/wrap.ts';
import type { TimerId } from '../../../src/timer/id.ts';
import { checkLedger } from '../conformance.ts';
import type { Scene } from './arena.ts';
import { Client, Ground } from './client.ts';
import { type Event, isExplained } from './history.ts';
import { callWith, type Mishap } from './mishap.ts';
import { type Operation, perform } from './operation.ts';
import { anyStep, type InsertStep, insertStep, keys, type Step } from './steps.ts';

/** What several clients do at once. */
export interface Race {
  readonly insert: InsertStep;
  readonly beginning: keyof typeof beginnings;
  readonly scripts: readonly (readonly { readonly step: Step; readonly mishap: Mishap }[])[];
}

type Beginning = readonly (readonly [client: number, step: Step] | readonly ['wait', ms: number])[];

const two = [0, 1];
const claim = { does: 'claim', limit: 4, takesOver: true } as const;
const settle = (outcome: 'rejected' | 'blocked' | 'unknown') =>
  ({ does: 'settle', hands: two.map((hand) => ({ hand, outcome })) }) as const;

/** What became of the timers before the race, so that it does not have to get there by chance. */
const beginnings = {
  'nobody has claimed them': [],
  'the first holds them': [[0, claim]],
  'the lease of the first has run out in the midst of a call': [
    [0, claim],
    [0, { does: 'begin', hands: two }],
    ['wait', 2_500],
  ],
  'they are to be tried again': [
    [0, claim],
    [0, settle('rejected')],
    ['wait', 2_500],
  ],
  'they have failed': [
    [0, claim],
    [0, settle('blocked')],
  ],
  'the second has made what the first had begun uncertain': [
    [0, claim],
    [0, { does: 'begin', hands: two }],
    ['wait', 2_500],
    [1, claim],
    [1, settle('unknown')],
  ],
} as const satisfies Record<string, Beginning>;

const script = fc.array(
  fc.record({
    step: anyStep,
    mishap: fc.constantFrom<Mishap>('none', 'none', 'none', 'none', 'none', 'none', 'before', 'after'),
  }),
  { minLength: 1, maxLength: 5, size: 'max' },
);

export const races: fc.Arbitrary<Race> = fc.record({
  insert: insertStep,
  beginning: fc.constantFrom(...(Object.keys(beginnings) as (keyof typeof beginnings)[])),
  scripts: fc.array(script, { minLength: 2, maxLength: 3 }),
});

/** Runs a race in which the scheduler decides when each client asks and when it hears the answer; between both, the store does. */
export async function runRace(race: Race, scene: Scene, scheduler: fc.Scheduler): Promise<void> {
  const runners = new Runners(race, scene);
  await runners.begin();
  await scheduler.waitFor(runners.race(scheduler));
  await runners.end();
  assert.ok(
    isExplained(scene.state, runners.events),
    `no order of these explains the answers:\n${inWords(runners.events)}`,
  );
  checkPromises(runners.events);
}

class Runners {
  readonly events: Event[] = [];
  readonly #race: Race;
  readonly #stores: readonly Store[];
  readonly #ground = new Ground();
  readonly #clients: readonly Client[];
  #ticks = 0;

  constructor(race: Race, { stores }: Scene) {
    this.#race = race;
    this.#stores = stores;
    this.#clients = race.scripts.map((_, index) => new Client(`client ${index}`, this.#ground));
  }

  async begin(): Promise<void> {
    const steps: Beginning = [[0, this.#race.insert], ...beginnings[this.#race.beginning]];
    for (const [who, what] of steps) {
      if (who === 'wait') this.#ground.nowMs += what;
      else await this.#do(who, what);
    }
    // A client that has read a timer can change it.
    for (const index of this.#clients.keys()) {
      for (const which of this.#ground.ids.keys()) await this.#do(index, { does: 'look', which });
    }
  }

  async race(scheduler: fc.Scheduler): Promise<void> {
    const results = await Promise.allSettled(
      this.#race.scripts.map(async (script, index) => {
        for (const { step, mishap } of script) await this.#do(index, step, { mishap, scheduler });
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Reads what has come of it. */
  async end(): Promise<void> {
    await checkLedger(this.#stores[0]!, this.#ground.nowMs);
    await this.#do(0, { does: 'counts' });
    await this.#do(0, { does: 'list' });
    for (const key of keys) await this.#do(0, { does: 'find', key, fingerprint: 0 });
    for (const which of this.#ground.ids.keys()) await this.#do(0, { does: 'look', which });
  }

  async #do(
    index: number,
    step: Step,
    { mishap = 'none', scheduler }: { readonly mishap?: Mishap; readonly scheduler?: fc.Scheduler } = {},
  ): Promise<void> {
    const client = this.#clients[index]!;
    const operation = client.operationOf(step);
    if (!operation) return;
    await scheduler?.schedule(Promise.resolve(), `${client.owner} asks: ${operation.verb}`);
    const store = this.#recorded(this.#stores[index % this.#stores.length]!, operation);
    const told = await callWith(mishap, store, (faulty) => perform(faulty, operation));
    await scheduler?.schedule(Promise.resolve(), `${client.owner} hears: ${operation.verb} ${told.kind}`);
    if (told.kind === 'answer') client.hear(operation, told.answer);
  }

  /** Notes what is done, whether its caller hears of it or not. */
  #recorded(store: Store, operation: Operation): Store {
    return wrapStore(
      () => store,
      (_verb, call) =>
        async (...args) => {
          const askedAt = this.#ticks++;
          const answer = await call(...args);
          this.events.push({ operation, answer: answer as Event['answer'], askedAt, answeredAt: this.#ticks++ });
          return answer;
        },
    );
  }
}

function inWords(events: readonly Event[]): string {
  const lines = events
    .toSorted((one, other) => one.askedAt - other.askedAt)
    .map(({ operation, answer, askedAt, answeredAt }) => {
      return `${askedAt} to ${answeredAt}: ${JSON.stringify(operation)} -> ${JSON.stringify(answer)}`;
    });
  return lines.join('\n');
}

/** Some of what must hold in every order, said once more in plain words. */
function checkPromises(events: readonly Event[]): void {
  const numbers = events.flatMap(numbersOf);
  assert.equal(new Set(numbers).size, numbers.length, `a claim number was given twice: ${numbers}`);
  const created = events.flatMap(createdKeys);
  const isPurged = events.some(({ operation, answer }) => operation.verb === 'purge' && answer !== 0);
  if (!isPurged) assert.equal(new Set(created).size, created.length, `a key created two timers: ${created}`);
  for (const id of events.flatMap(doneBy)) {
    const last = events.findLast(({ operation }) => operation.verb === 'get' && operation.id === id)!.answer;
    assert.ok(last === undefined ? isPurged : (last as { ended?: { status: string } }).ended?.status === 'done', id);
  }
}

/** The numbers that this gave to timers. */
function numbersOf({ operation, answer }: Event): string[] {
  if (operation.verb === 'claim') return (answer as Claimed[]).map(({ timer: { id, claim } }) => `${id} ${claim}`);
  if (operation.verb !== 'change' || answer !== 'applied') return [];
  const { id, claim } = operation.change.before;
  return [`${id} ${claim + 1}`];
}

function createdKeys({ operation, answer }: Event): string[] {
  if (operation.verb !== 'insert') return [];
  return operation.timers.flatMap(({ idempotency }, index) =>
    idempotency && (answer as InsertResult[])[index]!.kind === 'created' ? [idempotency.key] : [],
  );
}

/** The timers that this said to be done. */
function doneBy({ operation, answer }: Event): TimerId[] {
  if (operation.verb === 'change') {
    const { id, ended } = operation.change.after;
    return answer === 'applied' && ended?.status === 'done' ? [id] : [];
  }
  if (operation.verb !== 'settle') return [];
  return operation.settlements.flatMap(({ id, settlement: { next } }, index) => {
    const isDone = 'ended' in next && next.ended.status === 'done';
    return isDone && (answer as string[])[index] === 'applied' ? [id] : [];
  });
}
