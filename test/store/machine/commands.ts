import fc from 'fast-check';
import type { Store } from '../../../src/store/store.ts';
import { checkLedger } from '../conformance.ts';
import { Client, Ground } from './client.ts';
import type { State } from './machine.ts';
import { callWith, type Mishap, type Told } from './mishap.ts';
import { type Answer, type Operation, perform } from './operation.ts';
import { PossibleStates } from './possible-states.ts';
import { anyStep, insertStep, keys, type Step } from './steps.ts';

/** What one run is about: the clients, and what they can know. */
export class Known {
  readonly ground = new Ground();
  readonly clients = ['one', 'two'].map((owner) => new Client(owner, this.ground));
  readonly possible: PossibleStates;

  constructor(state: State) {
    this.possible = new PossibleStates(state);
  }
}

/** How often each thing was met, over all runs: `settle applied`. */
export type Met = Map<string, number>;

export interface Real {
  /** Of the same database; one for each client, or one for all. */
  readonly stores: readonly Store[];
  readonly met: Met;
}

/** Beyond it all timers are read, before the states that are possible become many. */
const possibleMax = 8;

abstract class Command implements fc.AsyncCommand<Known, Real> {
  abstract check(known: Known): boolean;
  abstract act(known: Known, real: Real): Promise<void>;

  async run(known: Known, real: Real): Promise<void> {
    await this.act(known, real);
    await checkLedgers(known, real.stores[0]!);
    if (known.possible.count > possibleMax) await readAll(known, real.stores[0]!);
  }
}

class Wait extends Command {
  readonly #ms: number;

  constructor(ms: number) {
    super();
    this.#ms = ms;
  }

  check(): boolean {
    return true;
  }

  async act({ ground }: Known): Promise<void> {
    ground.nowMs += this.#ms;
  }

  override toString(): string {
    return `wait ${this.#ms} ms`;
  }
}

class Do extends Command {
  readonly #step: Step;
  readonly #client: number;
  readonly #mishap: Mishap;

  constructor({ step, client, mishap }: { step: Step; client: number; mishap: Mishap }) {
    super();
    this.#step = step;
    this.#client = client;
    this.#mishap = mishap;
  }

  check(): boolean {
    return true;
  }

  async act(known: Known, { stores, met }: Real): Promise<void> {
    const client = known.clients[this.#client]!;
    const store = stores[this.#client % stores.length]!;
    // A change is decided on a reading, which may be old.
    if (this.#step.does === 'change' && this.#step.isFresh) {
      await look(known, client, { store, which: this.#step.which });
    }
    const operation = client.operationOf(this.#step);
    if (!operation) return;
    const told = await callWith(this.#mishap, store, (faulty) => perform(faulty, operation));
    if (told.kind === 'answer') {
      known.possible.answered(operation, told.answer);
      client.hear(operation, told.answer);
    } else if (told.kind === 'unknown') known.possible.unanswered(operation);
    noteMet(met, operation, told);
  }

  override toString(): string {
    const mishap = this.#mishap === 'none' ? '' : ` (${this.#mishap})`;
    return `${this.#client}: ${JSON.stringify(this.#step)}${mishap}`;
  }
}

async function look(
  { possible }: Known,
  client: Client,
  { store, which }: { store: Store; which: number },
): Promise<void> {
  const operation = client.operationOf({ does: 'look', which });
  if (!operation) return;
  const answer = await perform(store, operation);
  possible.answered(operation, answer);
  client.hear(operation, answer);
}

function noteMet(met: Met, { verb }: Operation, told: Told): void {
  const answers = told.kind !== 'answer' ? [told.kind] : wordsOf(told.answer);
  for (const answer of answers) met.set(`${verb} ${answer}`, (met.get(`${verb} ${answer}`) ?? 0) + 1);
}

function wordsOf(answer: Answer): string[] {
  if (typeof answer === 'string') return [answer];
  if (typeof answer === 'number') return [answer === 0 ? 'none' : 'some'];
  if (!Array.isArray(answer)) return [answer === undefined ? 'nothing' : 'something'];
  const entries = answer as (string | { kind?: string; takenFrom?: string | null })[];
  return entries.map((entry) => {
    if (typeof entry === 'string') return entry;
    return entry.kind ?? (entry.takenFrom === null ? 'free' : 'taken over');
  });
}

/** The ledger's identity, and its agreement with the rows and with what is possible. */
async function checkLedgers({ possible, ground: { nowMs } }: Known, store: Store): Promise<void> {
  possible.answered({ verb: 'counts', nowMs }, await checkLedger(store, nowMs));
}

/** Reads all that there may be: what was possible and is not so is known from then on. */
export async function readAll({ possible, ground, clients }: Known, store: Store): Promise<void> {
  const steps: Step[] = [
    ...ground.ids.keys().map((which) => ({ does: 'look', which }) as const),
    ...keys.map((key) => ({ does: 'find', key, fingerprint: 0 }) as const),
    { does: 'list' },
  ];
  for (const step of steps) {
    const read = clients[0]!.operationOf(step)!;
    possible.answered(read, await perform(store, read));
  }
}

/** What goes right most of the time. */
const mishap = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Mishap>('none') },
  { weight: 2, arbitrary: fc.constantFrom<Mishap>('before', 'after', 'lost') },
);

const doing = fc.record({ step: anyStep, client: fc.nat({ max: 1 }), mishap }).map((plan) => new Do(plan));

const waiting = fc.constantFrom(0, 1, 500, 2_000, 3_000).map((ms) => new Wait(ms));

/** Runs of commands. fast-check takes each kind as often as it comes in the list. */
export const commandRuns: fc.Arbitrary<Iterable<fc.AsyncCommand<Known, Real>>> = fc.commands(
  [waiting, doing, doing, doing, doing, doing, doing],
  { size: 'max', maxCommands: 60 },
);

/** With what a run begins, so that there is something to do. */
export const beginnings: fc.Arbitrary<fc.AsyncCommand<Known, Real>> = insertStep.map(
  (step) => new Do({ step, client: 0, mishap: 'none' }),
);
