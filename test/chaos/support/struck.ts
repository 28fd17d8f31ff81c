import type { Interruption } from '../../support/process-fleet.ts';
import type { Report } from '../../support/report.ts';

/** A dead controller's timers come back when their lease has run out; some more for a busy machine. */
const takenOverMsMax = 7_000;

/** What happened to a controller that held a timer, by the controller's process id. One that is killed while it is paused was killed. */
type Strikes = Map<number, Interruption['what']>;

/** The timers that controllers held when they were killed or paused. */
export class Struck {
  readonly #heldBy: (pid: number) => Promise<readonly string[]>;
  readonly #strikesById = new Map<string, Strikes>();

  constructor(heldBy: (pid: number) => Promise<readonly string[]>) {
    this.#heldBy = heldBy;
  }

  async note({ pid, what }: Interruption): Promise<void> {
    for (const id of await this.#heldBy(pid)) {
      this.#strikesById.set(id, (this.#strikesById.get(id) ?? new Map()).set(pid, what));
    }
  }

  /**
   * How late they were: a lease for each of the controllers that died with them. Of those that stood still it is only reported: when such a
   * one wakes up, it says of an at-most-once timer that it had marked and not sent, and which counted as uncertain, that it was never sent.
   */
  report(latenessById: ReadonlyMap<string, number>): Pick<Report, 'figures' | 'faults'> {
    const timers = [...this.#strikesById].map(([id, strikes]) => {
      return { lateness: latenessById.get(id) ?? 0, times: strikes.size, killed: all(strikes, 'killed') };
    });
    const latest = (of: typeof timers) => Math.max(0, ...of.map(({ lateness }) => lateness));
    const killed = timers.filter((timer) => timer.killed);
    const killedOnce = killed.filter(({ times }) => times === 1);
    const tooLate = killed.filter(({ times, lateness }) => lateness > times * takenOverMsMax);
    return {
      figures: {
        heldByKilled: killed.length,
        latenessOfKilledMsMax: latest(killedOnce),
        killedMoreThanOnce: killed.length - killedOnce.length,
        latenessOfThoseMsMax: latest(killed.filter(({ times }) => times > 1)),
        heldByPaused: timers.length - killed.length,
        latenessOfPausedMsMax: latest(timers.filter((timer) => !timer.killed)),
      },
      faults:
        tooLate.length === 0
          ? []
          : [`${tooLate.length} timers of killed controllers were too late: ${latest(tooLate)} ms`],
    };
  }
}

function all(strikes: Strikes, what: Interruption['what']): boolean {
  return [...strikes.values()].every((one) => one === what);
}
