import type { PlannedTimer } from './plan.ts';

/** A call as the receiver saw it. Instants are milliseconds since the epoch by the drill's clock. */
export interface Call {
  /** The id at the end of the path. */
  readonly id: string;
  /** The header, which must say the same. */
  readonly webhookId: string | undefined;
  readonly arrivedAt: number;
}

/** A state from which a timer does not go on by itself. */
const ends = ['done', 'failed', 'cancelled', 'uncertain'] as const;

/** What the service says of a timer. */
export interface SeenState {
  readonly status: string;
  /** What came of its last attempt, in words; undefined where there was none. */
  readonly lastAttempt: string | undefined;
}

/** All that is known of one timer of the drill. */
export interface DrilledTimer {
  readonly plan: PlannedTimer;
  /** Once its create was answered with 201. */
  accepted?: { readonly id: string; readonly dueAt: number };
  readonly calls: Call[];
  /** What the service said last, where it was asked. */
  seen?: SeenState;
}

export function hasEnded({ seen }: DrilledTimer): boolean {
  return ends.some((end) => end === seen?.status);
}
