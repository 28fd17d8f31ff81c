import type { Attempt } from '../timer/outcome.ts';
import type { Timer } from '../timer/timer.ts';
import type { Settlement } from '../timer/transition.ts';
import type { Postponement } from '../webhook/sender.ts';

/** What a controller tells about itself, for logs and metrics. No method may throw or block. */
export interface ControllerObserver {
  claimed(count: number): void;
  /** A lease of another controller, or of an earlier run, had run out. */
  takenOver(timer: Timer): void;
  /** An attempt was on the wire; `latenessMs` counts from the time that it was to be made. */
  attempted(timer: Timer, attempt: Attempt, latenessMs: number | null): void;
  /** It was not sent, and is tried again at `untilAt`, store's clock. */
  postponed(timer: Timer, because: Postponement, untilAt: number): void;
  /** A timer that was due was not sent, since too little of its lease was left, or it could not be marked as begun. */
  dropped(timer: Timer): void;
  settled(timer: Timer, settlement: Settlement): void;
  /** What came of an attempt could not be written: the timer is in other hands by now. */
  settleLost(timer: Timer, settlement: Settlement): void;
  purged(count: number): void;
  storeDown(error: unknown): void;
  storeUp(downMs: number): void;
  /** The clock is too uncertain to fire by. */
  clockDoubtful(doubtMs: number): void;
  /** A defect: something was thrown that should not have been. */
  failed(error: unknown): void;
}
