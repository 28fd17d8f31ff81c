import { Book, isPossible, isSuccess } from './book.ts';
import { answeredBeforeMs, isDisturbed, settleMsMax } from './disturbances.ts';
import { earliestDue } from './due-times.ts';
import type { Call, Counts, Evidence, ListedTimer, Order } from './evidence.ts';

/** What came of a run, in numbers, and a sentence for each promise that was broken (docs/guarantees.md). */
export interface Judgement {
  readonly figures: JudgementFigures;
  readonly faults: readonly string[];
}

export interface JudgementFigures {
  readonly orders: number;
  /** Timers that a client was told of. */
  readonly accepted: number;
  /** Timers that are there though no client was told so: the answer was lost, or said that nobody knew. */
  readonly unacknowledged: number;
  readonly calls: number;
  /** Calls of which nobody knows who made them: any disturbance excuses them. */
  readonly callsOfUnknownSender: number;
  /** Calls that succeeded while nothing disturbed them: had one of them been repeated, nothing would have explained it. */
  readonly callsNothingExcuses: number;
  /** Accepted, but gone, not ended, or `done` without a call that was answered with 2xx. */
  readonly lost: number;
  /** Calls that arrived before their timer was due. */
  readonly early: number;
  /** By how much the earliest of them was, in milliseconds. */
  readonly earliestMs: number;
  /** Calls beyond a timer's first. */
  readonly repeats: number;
  /** Of these, those after a call which the receiver refused or could not answer. */
  readonly repeatsAfterFailure: number;
  /** Those after a call whose 2xx may have been lost by a disturbance. */
  readonly repeatsAfterDisturbance: number;
  /** The most time that passed between the answer to a call and the disturbance that made it be repeated: answered, but not yet on disk. */
  readonly answeredBeforeMsMax: number;
  /** Those that nothing explains. */
  readonly repeatsUnexplained: number;
  /** Those of timers that must not be repeated whatever happens. */
  readonly repeatsAtMostOnce: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly uncertain: number;
  /** Of these, those that the receiver had got. */
  readonly uncertainReceived: number;
}

/** Judges a run by its evidence alone. A pure function. */
export function judge(evidence: Evidence): Judgement {
  const book = new Book(evidence);
  const lost = lostTimers(book);
  const early = earlyCalls(book);
  const repeats = repeatsOf(book);
  const timers = [...book.timers.values()];
  const withStatus = (status: ListedTimer['status']) => timers.filter((timer) => timer.status === status);
  return {
    figures: {
      orders: evidence.orders.length,
      accepted: book.acceptedBy.size,
      unacknowledged: timers.filter(({ id }) => !book.acceptedBy.has(id)).length,
      calls: evidence.calls.length,
      callsOfUnknownSender: evidence.calls.filter(({ sender }) => sender === undefined).length,
      callsNothingExcuses: evidence.calls.filter((call) => isSuccess(call) && !isDisturbed(call, book.disturbances))
        .length,
      lost: lost.length,
      early: early.length,
      earliestMs: Math.max(0, ...early.map(({ ms }) => ms)),
      ...repeats.figures,
      cancelled: withStatus('cancelled').length,
      failed: withStatus('failed').length,
      uncertain: withStatus('uncertain').length,
      uncertainReceived: withStatus('uncertain').filter(({ id }) => book.callsById.has(id)).length,
    },
    faults: [
      ...sentence('accepted timers were lost', lost),
      ...sentence(
        'calls were early',
        early.map(({ call, ms }) => `${call.id} by ${ms} ms`),
      ),
      ...repeats.faults,
      ...strangers(book),
      ...cancels(book),
      ...ends(book),
      ...countFaults(evidence.counts, timers),
    ],
  };
}

const examplesMax = 5;

/** Says how many there are, and which; nothing where there are none. */
function sentence(what: string, examples: readonly string[]): string[] {
  if (examples.length === 0) return [];
  const more = examples.length > examplesMax ? ', …' : '';
  return [`${examples.length} ${what}: ${examples.slice(0, examplesMax).join(', ')}${more}`];
}

/** Accepted is durable, and never missed. */
function lostTimers(book: Book): string[] {
  return [...book.acceptedBy.keys()].flatMap((id) => {
    const timer = book.timers.get(id);
    if (timer === undefined) return [`${id} (gone)`];
    if (timer.status === 'waiting' || timer.status === 'executing') return [`${id} (${timer.status})`];
    return timer.status === 'done' && !book.callsOf(id).some(isSuccess) ? [`${id} (done without a call)`] : [];
  });
}

function earlyCalls(book: Book): { readonly call: Call; readonly ms: number }[] {
  return book.calls.flatMap((call) => {
    const order = book.orderOf(call);
    const ms = order ? earliestDue(order, call) - call.arrivedAt : 0;
    return ms > 0 && Number.isFinite(ms) ? [{ call, ms }] : [];
  });
}

/** Never twice, unless the call before is known to have failed, or what became of it may have got lost. */
function repeatsOf(book: Book) {
  const repeated = [...book.callsById.values()].flatMap((calls) => {
    return calls.slice(0, -1).map((call, at) => ({ call, next: calls[at + 1]! }));
  });
  const atMostOnce = repeated.filter(({ call }) => {
    const order = book.orderOf(call);
    return order?.delivery === 'at-most-once' && !order.changes.some((change) => isPossible(change, 'retry'));
  });
  const afterSuccess = repeated.filter(({ call, next }) => !hasFailed(call, next));
  const unexplained = afterSuccess.filter(({ call }) => !isDisturbed(call, book.disturbances));
  const beforeMs = afterSuccess.map(({ call }) => answeredBeforeMs(call, book.disturbances));
  return {
    figures: {
      repeats: repeated.length,
      repeatsAfterFailure: repeated.length - afterSuccess.length,
      repeatsAfterDisturbance: afterSuccess.length - unexplained.length,
      answeredBeforeMsMax: Math.max(0, ...beforeMs.filter((ms) => ms <= settleMsMax)),
      repeatsUnexplained: unexplained.length,
      repeatsAtMostOnce: atMostOnce.length,
    },
    faults: [
      ...sentence(
        'calls of at-most-once timers were repeated',
        atMostOnce.map(({ call }) => call.id),
      ),
      ...sentence(
        'repeats cannot be explained',
        unexplained.map(({ call }) => `${call.id} after its call at ${call.arrivedAt}, ${nearest(call, book)}`),
      ),
    ],
  };
}

/** Whether it was plain that the call had failed when the next one came. */
function hasFailed(call: Call, next: Call): boolean {
  return !isSuccess(call) && call.endedAt <= next.arrivedAt;
}

/** Calls and timers which nobody wanted, or which others wanted. */
function strangers(book: Book): string[] {
  const unknown = book.calls.filter(({ order }) => !book.orders.has(order));
  const mixedUp = book.calls.filter(({ id, order }) => (book.acceptedBy.get(id)?.number ?? order) !== order);
  const unlisted = [...book.callsById.keys()].filter((id) => !book.timers.has(id) && !book.acceptedBy.has(id));
  const madeBy = Map.groupBy(book.timers.values(), ({ order }) => order);
  const refused: string[] = [];
  const tooMany: string[] = [];
  for (const [number, timers] of madeBy) {
    const order = book.orders.get(number);
    const max = order ? timersMax(order) : 0;
    if (max === 0) refused.push(...timers.map(({ id }) => id));
    else if (timers.length > max) tooMany.push(`${number} (${timers.map(({ id }) => id).join(' ')})`);
  }
  return [
    ...sentence(
      "calls had another webhook-id than their timer's",
      book.calls.filter(({ id, webhookId }) => id !== webhookId).map(({ id }) => id),
    ),
    ...sentence(
      'calls were for orders that there are not',
      unknown.map(({ id }) => id),
    ),
    ...sentence(
      'calls were for the order of another timer',
      mixedUp.map(({ id }) => id),
    ),
    ...sentence('timers were called that the service does not list', unlisted),
    ...sentence('timers are there though their create was refused', refused),
    ...sentence('orders made more timers than they may', tooMany),
  ];
}

/** A try of which nobody knows may have made a timer. With a key it made the same one as the others. */
function timersMax({ keyed, tries }: Order): number {
  const perhaps = tries.filter(({ answer }) => answer.kind !== 'refused').length;
  return keyed ? Math.min(1, perhaps) : perhaps;
}

/** Cancelled means that it was never sent and never will be, and only that. */
function cancels(book: Book): string[] {
  const told = [...book.acceptedBy].filter(([, { changes }]) =>
    changes.some((change) => change.what === 'cancel' && change.answer.kind === 'ok'),
  );
  const otherwise = told.filter(([id]) => (book.timers.get(id)?.status ?? 'cancelled') !== 'cancelled');
  const cancelled = [...book.timers.values()].filter(({ status }) => status === 'cancelled');
  const called = new Set(
    [...told.map(([id]) => id), ...cancelled.map(({ id }) => id)].filter((id) => book.callsById.has(id)),
  );
  const unwanted = cancelled.filter(
    (timer) => !book.orderOf(timer)?.changes.some((change) => isPossible(change, 'cancel')),
  );
  return [
    ...sentence('timers were called though they were cancelled', [...called]),
    ...sentence(
      'timers are not cancelled though a client was told so',
      otherwise.map(([id]) => id),
    ),
    ...sentence(
      'timers are cancelled though nobody wanted that',
      unwanted.map(({ id }) => id),
    ),
  ];
}

/** Unknown is said, not guessed: what ended `failed` or `uncertain` has a reason for it. */
function ends(book: Book): string[] {
  const wrong = [...book.timers.values()].flatMap((timer) => {
    const why = wrongEnd(book, timer);
    return why === undefined ? [] : [`${timer.id} (${timer.status}: ${why})`];
  });
  return sentence('timers have the wrong end', wrong);
}

function wrongEnd(book: Book, timer: ListedTimer): string | undefined {
  const last = book.callsOf(timer.id).at(-1);
  const isLost = last === undefined || !isSuccess(last) || isDisturbed(last, book.disturbances);
  if (timer.status === 'failed') return isLost ? undefined : 'its last call succeeded';
  if (timer.status !== 'uncertain') return undefined;
  if (book.orderOf(timer)?.delivery !== 'at-most-once') return 'it is at-least-once';
  return isLost ? undefined : `its call succeeded, ${nearest(last, book)}`;
}

/** For whoever has to find out what happened: on a machine that is too busy, a commit takes longer than is allowed for here. */
function nearest(call: Call, { disturbances }: Book): string {
  const ms = answeredBeforeMs(call, disturbances);
  return Number.isFinite(ms) ? `answered ${ms} ms before anything disturbed it` : 'and nothing disturbed that';
}

/** Every accepted timer is in exactly one state, and the ledger knows it. */
function countFaults(counts: Counts, timers: readonly ListedTimer[]): string[] {
  const { accepted, waiting, executing, done, failed, cancelled, uncertain, purged } = counts;
  const faults: string[] = [];
  if (accepted !== waiting + executing + done + failed + cancelled + uncertain + purged) {
    faults.push(`the identity does not hold: ${JSON.stringify(counts)}`);
  }
  if (counts.auditEqual !== true) faults.push('the audit of the counts is not equal');
  if (accepted !== timers.length + purged) {
    faults.push(`${accepted} timers are counted as accepted, but ${timers.length} listed and ${purged} purged`);
  }
  const listed = Map.groupBy(timers, ({ status }) => status);
  for (const status of ['waiting', 'executing', 'done', 'failed', 'cancelled', 'uncertain'] as const) {
    const many = listed.get(status)?.length ?? 0;
    if (many !== counts[status]) faults.push(`${counts[status]} timers are counted as ${status}, but ${many} listed`);
  }
  return faults;
}
