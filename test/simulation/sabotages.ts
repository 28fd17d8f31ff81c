/** A one-line defect: `find` occurs exactly once in the file and becomes `put`, in the process that is told so and nowhere else. */
export interface Sabotage {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

/** Defects of the kind that the promise is there to exclude. That each is found is the proof that the simulator can fail. */
export const sabotages: Readonly<Record<string, Sabotage>> = {
  'skip the lease check': {
    file: 'controller/firer.ts',
    find: 'leaseLeftMs >= settings.leaseMsMin &&',
    put: '',
  },
  'settle without the compare-and-set': {
    file: 'store/memory.ts',
    find: "if (timer?.lease?.owner !== hold.owner || timer.claim !== hold.claim) return 'lost';",
    put: "if (!timer) return 'lost';",
  },
  'forget the begin': {
    file: 'controller/firer.ts',
    find: "if (held.timer.spec.delivery === 'at-most-once') return this.#begin(held);",
    put: '',
  },
  'reply before the commit': {
    file: 'store/grouped-inserts.ts',
    find: 'insert: (timers) => queue.addAll(timers)',
    put: "insert: async (timers) => (void queue.addAll(timers).catch(() => {}), timers.map(({ id }) => ({ kind: 'created', id })))",
  },
  'retry a delivered': {
    file: 'timer/transition.ts',
    find: "if (attempt.outcome === 'delivered') return 'done';",
    put: "if (attempt.outcome === 'delivered' && attemptsMade > 1) return 'done';",
  },
  'drop a release': {
    file: 'controller/firer.ts',
    find: '(hold) => writer.release({ ...hold, claimAt: at })',
    put: "async () => 'applied'",
  },
  'use the wall clock': {
    file: 'clock/system-clock.ts',
    find: 'this.#last = Math.max(this.#last, this.#earliest(this.#ticks.steady()));',
    put: 'this.#last = Math.max(this.#last, this.#ticks.wall());',
  },
  'believe the middle of the round trip': {
    file: 'clock/system-clock.ts',
    find: 'this.#offset = offset;\n    this.#measuredDoubt',
    put: 'this.#offset = (offset + offsetMax) / 2;\n    this.#measuredDoubt',
  },
  'take what may have been sent for unsent': {
    file: 'webhook/exchange.ts',
    find: "else if (this.#controller) this.#finish('unknown', unknownBecause(error));",
    put: '',
  },
  'send a marked timer again': {
    file: 'timer/transition.ts',
    find: 'if (timer.begunClaim === null) return { send',
    put: 'if (timer) return { send',
  },
  'cancel what may have been sent': {
    file: 'timer/transition.ts',
    find: 'if (maybeSent(timer)) {',
    put: 'if (false) {',
  },
  'extend nothing': {
    file: 'controller/extender.ts',
    find: 'held.onWire && held.leaseEndsAt <= latest',
    put: 'false',
  },
  'try another shard though the commit is unknown': {
    file: 'store/sharded/inserter.ts',
    find: 'return couldNotAnswer(error) && !perhapsDone.has(error.code);',
    put: 'return couldNotAnswer(error);',
  },
  'mix up the answers of a batch': {
    file: 'store/batcher.ts',
    find: 'entry.resolve(results.slice(at, at + entry.items.length));',
    put: 'entry.resolve(results.slice(0, entry.items.length));',
  },
};
