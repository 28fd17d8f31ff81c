import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { outcomes, type State } from './machine.ts';
import { type Answer, isSameAnswer, type Operation } from './operation.ts';

/** What a store may have, as far as its answers tell: more than one state after an answer that was lost, until another answer tells which. */
export class PossibleStates {
  #states: readonly State[];

  constructor(state: State) {
    this.#states = [state];
  }

  get count(): number {
    return this.#states.length;
  }

  /** The answer came. Throws where none of the states explains it. */
  answered(operation: Operation, answer: Answer): void {
    const results = this.#states.flatMap((state) => outcomes(state, operation));
    const explaining = results.filter(([, expected]) => isSameAnswer(expected, answer));
    if (explaining.length === 0) {
      // Any of the states will do to show the difference.
      assert.deepEqual(answer, results[0]![1], `${operation.verb} is not answered as in any of ${this.count} states`);
    }
    this.#keep(explaining.map(([after]) => after));
  }

  /** No answer came: it was done, or it was not. */
  unanswered(operation: Operation): void {
    this.#keep([
      ...this.#states,
      ...this.#states.flatMap((state) => outcomes(state, operation).map(([after]) => after)),
    ]);
  }

  #keep(states: readonly State[]): void {
    const different: State[] = [];
    for (const state of states) if (!different.some((other) => isDeepStrictEqual(other, state))) different.push(state);
    this.#states = different;
  }
}
