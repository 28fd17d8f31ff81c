import { PunctualError } from '../../timer/errors.ts';
import type { CoreDeps } from '../deps.ts';

/** Above this doubt about the store's time nothing is decided by it: a due time counted from a wrong time would be early. In milliseconds. */
const doubtMsMax = 1_000;

/** The store's time, for what is decided by it. Throws `store_unavailable` while it is not known. */
export function knownTime({ clock }: Pick<CoreDeps, 'clock'>): number {
  if (clock.doubtMs() <= doubtMsMax) return clock.now();
  throw new PunctualError('store_unavailable', {
    message: "The database's time is not known; nothing was stored or changed.",
  });
}
