import type { ControllerObserver } from '../../src/controller/observer.ts';

/** One thing that a controller told, with what it was told about. */
export interface Told {
  readonly event: keyof ControllerObserver;
  readonly about: readonly unknown[];
}

/** Remembers everything that a controller tells. */
export function recordingObserver(): ControllerObserver & { readonly told: Told[] } {
  const told: Told[] = [];
  const record =
    (event: keyof ControllerObserver) =>
    (...about: unknown[]) => {
      told.push({ event, about });
    };
  return {
    told,
    claimed: record('claimed'),
    takenOver: record('takenOver'),
    attempted: record('attempted'),
    postponed: record('postponed'),
    dropped: record('dropped'),
    settled: record('settled'),
    settleLost: record('settleLost'),
    purged: record('purged'),
    storeDown: record('storeDown'),
    storeUp: record('storeUp'),
    clockDoubtful: record('clockDoubtful'),
    failed: record('failed'),
  };
}
