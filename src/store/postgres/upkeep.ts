import type { Connections } from './connections.ts';

/** After so many transactions that wrote to the ledger, this process folds some of its rows: so many at a time. */
const foldEvery = 200;
const foldRows = 1_000;
/** After so many row versions that this process has made useless, and this part of the rows that there are, it has `timers` cleaned. */
const deadRowsMin = 100_000;
const deadPartMin = 0.1;

/**
 * What keeps the tables small, in the background, while the store is at work. What fails is left to the next time.
 *
 * The server's own vacuum looks at a table once a minute, unless told otherwise for the whole server: at some ten thousand timers a second a
 * million useless row versions lie there by then, and every claim walks over them.
 */
export class Upkeep {
  readonly #connections: Connections;
  readonly #buckets: number;
  #unfolded = 0;
  #folding = false;
  #deadRows = 0;
  #cleaning = false;

  constructor(connections: Connections, buckets: number) {
    this.#connections = connections;
    this.#buckets = buckets;
  }

  /** Notes a transaction that wrote to the ledger. */
  ledgerGrew(): void {
    if (++this.#unfolded < foldEvery || this.#folding) return;
    this.#unfolded = 0;
    this.#folding = true;
    void this.#fold().finally(() => {
      this.#folding = false;
    });
  }

  /** Notes that so many rows of `timers` were changed or deleted. */
  rowsDied(count: number): void {
    this.#deadRows += count;
    if (this.#deadRows < deadRowsMin || this.#cleaning) return;
    this.#cleaning = true;
    void this.#clean().finally(() => {
      this.#cleaning = false;
    });
  }

  async #fold(): Promise<void> {
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      await this.#connections.write('fold', [bucket, foldRows]).catch(() => undefined);
    }
  }

  async #clean(): Promise<void> {
    try {
      const [row] = await this.#connections.read('timersSize', []);
      if (this.#deadRows < (row![0] as number) * deadPartMin) return;
      this.#deadRows = 0;
      await this.#connections.read('cleanTimers', [], 'upkeep');
    } catch {
      // Another process cleans it, or the server does.
    }
  }
}
