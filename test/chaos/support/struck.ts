import type { Interruption } from '../../support/process-fleet.ts';
import type { Report } from '../../support/report.ts';
import { timersHeldBy } from './held-timers.ts';

/** A dead controller's timers come back when their lease has run out; some more for a busy machine. */
const takenOverMsMax = 7_000;

/** The timers that controllers held when they were killed or paused. */
export class Struck {
  readonly #databaseUrl: string;
  readonly #killed = new Set<string>();
  /** By which such controllers one after the other. */
  readonly #holders = new Map<string, Set<number>>();

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
  }

  async note({ pid, what }: Interruption): Promise<void> {
    for (const id of await timersHeldBy(this.#databaseUrl, pid)) {
      this.#holders.set(id, (this.#holders.get(id) ?? new Set()).add(pid));
      if (what === 'killed') this.#killed.add(id);
    }
  }

  /** How late they were: a lease for each of the controllers that failed them. */
  report(latenessById: ReadonlyMap<string, number>): Pick<Report, 'figures' | 'faults'> {
    const held = [...this.#holders].map(([id, { size }]) => ({ id, times: size, lateness: latenessById.get(id) ?? 0 }));
    const latest = (of: typeof held) => Math.max(0, ...of.map(({ lateness }) => lateness));
    const once = held.filter(({ times }) => times === 1);
    const tooLate = held.filter(({ times, lateness }) => lateness > times * takenOverMsMax);
    return {
      figures: {
        heldByKilled: this.#killed.size,
        latenessOfKilledMsMax: latest(once.filter(({ id }) => this.#killed.has(id))),
        latenessOfPausedMsMax: latest(once.filter(({ id }) => !this.#killed.has(id))),
        heldBySeveralStruck: held.length - once.length,
        latenessOfThoseMsMax: latest(held.filter(({ times }) => times > 1)),
      },
      faults:
        tooLate.length > 0
          ? [`${tooLate.length} timers of dead controllers were more than ${takenOverMsMax} ms late`]
          : [],
    };
  }
}
