import type { Answer, Session } from './session.ts';

const begins = {
  write: ['START TRANSACTION'],
  // Several statements on one moment of the database. The level is that of this one transaction.
  snapshot: [
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
  ],
} as const;

export interface TransactionOptions {
  readonly kind: keyof typeof begins;
  /** The server takes no statement longer than this many bytes. */
  readonly packetBytesMax: number;
}

/** One transaction. It begins with its first statement, in the same round trip, and so do its last statements and the COMMIT share one. */
export class Transaction {
  readonly #session: Session;
  readonly #kind: keyof typeof begins;
  readonly #tripBytesMax: number;
  #state: 'new' | 'open' | 'committing' | 'committed' = 'new';

  constructor(session: Session, { kind, packetBytesMax }: TransactionOptions) {
    this.#session = session;
    this.#kind = kind;
    // Some room for the words around the statements.
    this.#tripBytesMax = packetBytesMax - 1_024;
  }

  /** Whether a COMMIT was sent, and has not been answered. */
  get isCommitting(): boolean {
    return this.#state === 'committing';
  }

  /** Runs statements in as few round trips as they fit into. Throws what mysql2 throws. */
  async run(...statements: string[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const trip of tripsOf(statements, this.#tripBytesMax)) answers.push(...(await this.#send(trip, [])));
    return answers;
  }

  /** As `run`, and commits. */
  async commit(...statements: string[]): Promise<Answer[]> {
    const trips = tripsOf(statements, this.#tripBytesMax);
    const last = trips.pop() ?? [];
    const answers: Answer[] = [];
    for (const trip of trips) answers.push(...(await this.#send(trip, [])));
    if (this.#state === 'new' && last.length === 0) return answers;
    const sending = this.#send(last, ['COMMIT']);
    this.#state = 'committing';
    answers.push(...(await sending));
    this.#state = 'committed';
    return answers;
  }

  /** Runs `work`; what it has not committed is rolled back. */
  async end<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    try {
      return await work(this);
    } finally {
      // A connection that cannot even do this is broken: the server rolls back by itself. One that is lost answers at once.
      if (this.#state === 'open' || this.#state === 'committing') {
        await this.#session.send(['ROLLBACK']).catch(() => this.#session.destroy());
      }
    }
  }

  async #send(statements: readonly string[], last: readonly string[]): Promise<Answer[]> {
    const first = this.#state === 'new' ? begins[this.#kind] : [];
    this.#state = 'open';
    const answers = await this.#session.send([...first, ...statements, ...last]);
    return answers.slice(first.length, first.length + statements.length);
  }
}

/** The statements, in order, cut into round trips of at most `bytesMax`; one that is longer travels alone. */
export function tripsOf(statements: readonly string[], bytesMax: number): string[][] {
  const trips: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const statement of statements) {
    const more = Buffer.byteLength(statement) + 2;
    bytes += more;
    if (bytes > bytesMax) {
      trips.push([]);
      bytes = more;
    }
    trips.at(-1)!.push(statement);
  }
  return trips;
}
