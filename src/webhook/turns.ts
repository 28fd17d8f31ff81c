/** What the turns of all lanes have in common. */
export interface Pace {
  /** So many lanes have calls out that were sent back. */
  lanes: number;
}

/** All lanes together have about one call a millisecond come back: each costs the store a claim and, if it is sent back again, a release. */
const sharedMsPerTurn = 1;
/** No turn lies further ahead. */
const aheadMsMax = 600_000;
/** A lane that has sent nothing back for this long and still gets calls is well. */
const calmAfterMs = 5_000;

/**
 * The turns at which a lane's calls that were sent back come again: one after the other, so that a backlog never comes as one. Instants are
 * arguments, in milliseconds.
 */
export class Turns {
  readonly #pace: Pace;
  #lastAt = 0;
  #givenAt = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** How far this lane's turns lie apart when all that have any share the pace, in milliseconds. */
  get fairMs(): number {
    return Math.max(1, this.#pace.lanes) * sharedMsPerTurn;
  }

  /** Whether calls are out that were given a turn. */
  areOut(now: number): boolean {
    return now < this.#lastAt;
  }

  /** The turn after the last one, and no earlier than `earliestAt`. A backlog that reaches too far ahead begins a second lap. */
  next(now: number, earliestAt: number, spacingMs: number): number {
    const nextAt = this.#lastAt + spacingMs;
    return this.#give(now, nextAt > now + aheadMsMax ? earliestAt : Math.max(nextAt, earliestAt));
  }

  /** A turn at `at`, ahead of all that were given. */
  ahead(now: number, at: number): number {
    this.#give(now, Math.max(this.#lastAt, at));
    return at;
  }

  /** A call passed that nothing held up: if that has been so for a while, later turns need not queue up behind those that are out. */
  passed(now: number): void {
    if (now - this.#givenAt >= calmAfterMs) this.#lastAt = 0;
  }

  #give(now: number, at: number): number {
    if (!this.areOut(now)) this.#pace.lanes++;
    this.#givenAt = now;
    this.#lastAt = at;
    return at;
  }
}
