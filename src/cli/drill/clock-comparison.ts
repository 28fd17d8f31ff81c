/** How far two clocks move apart may lie: the service's time minus the drill's, in milliseconds. */
export interface Offset {
  readonly min: number;
  readonly max: number;
}

/** One create, in milliseconds since the epoch. */
export interface ClockSample {
  /** When the request was first sent, and when its answer came, by the drill's clock. */
  readonly sentAt: number;
  readonly answeredAt: number;
  /** The service's time when it took the timer: when it is due, less what it runs. */
  readonly serviceAt: number;
}

/** Due times are rounded up to whole milliseconds. */
const roundedMs = 1;

/**
 * Compares the service's clock with the drill's. The service took each timer between question and answer, which bounds the offset from
 * both sides; what all creates have in common is what is known. A `Date` header would have told whole seconds only.
 */
export class ClockComparison {
  #min = Number.NEGATIVE_INFINITY;
  #max = Number.POSITIVE_INFINITY;

  add({ sentAt, answeredAt, serviceAt }: ClockSample): void {
    this.#min = Math.max(this.#min, serviceAt - roundedMs - answeredAt);
    this.#max = Math.min(this.#max, serviceAt - sentAt);
  }

  /** Undefined before the first sample. Clocks that moved apart leave nothing in common: then it is the range that they moved in. */
  offset(): Offset | undefined {
    if (!Number.isFinite(this.#min)) return undefined;
    return { min: Math.min(this.#min, this.#max), max: Math.max(this.#min, this.#max) };
  }
}
