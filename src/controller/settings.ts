/** How a controller works. Spans in milliseconds. */
export interface ControllerSettings {
  /** Timers are claimed this long before they are due. */
  readonly horizonMs: number;
  /** How long a claim holds. */
  readonly leaseMs: number;
  /** The longest pause between two looks for claimable timers. */
  readonly pollMs: number;
  /** What has been held for longer than this has its lease extended while it is on the wire. */
  readonly extendAfterMs: number;
  /** No call is sent with less than this left of its lease. */
  readonly leaseMsMin: number;
  /** Above this doubt about the store's time nothing is fired. */
  readonly clockDoubtMsMax: number;
  /** Timers in one claim, settlement or release at most. */
  readonly batchMax: number;
  /** Timers in hand at most: claimed, on the wire, or not yet settled. */
  readonly heldMax: number;
  /** With more calls than this waiting for their turn in the lanes, claims no longer follow one another at once. */
  readonly queuedBusy: number;
  /** Bytes of specs in hand at most. */
  readonly heldBytesMax: number;
  /** Ended timers are deleted after this. */
  readonly historyMs: number;
  /** How often that is looked at. */
  readonly purgeEveryMs: number;
  /** How often a controller notes itself as alive, and for how long it then counts as alive. */
  readonly beatEveryMs: number;
  readonly aliveMs: number;
  /** One that was last alive so long ago is no longer listed. */
  readonly forgottenAfterMs: number;
  /** The first pause after the store failed; doubles up to `outageMsMax`. */
  readonly outageMs: number;
  readonly outageMsMax: number;
}

export const defaultControllerSettings: ControllerSettings = {
  horizonMs: 500,
  leaseMs: 6_000,
  pollMs: 200,
  extendAfterMs: 2_000,
  leaseMsMin: 2_000,
  clockDoubtMsMax: 1_000,
  batchMax: 500,
  heldMax: 4_096,
  queuedBusy: 512,
  heldBytesMax: 64 * 1024 * 1024,
  historyMs: 7 * 86_400_000,
  purgeEveryMs: 60_000,
  beatEveryMs: 2_000,
  aliveMs: 10_000,
  forgottenAfterMs: 3_600_000,
  outageMs: 100,
  outageMsMax: 5_000,
};
