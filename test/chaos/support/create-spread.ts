import type { Delivery } from '../../../src/timer/timer.ts';
import { createTimers } from '../../support/create-timers.ts';
import type { AcceptedById } from '../../support/load.ts';

export interface SpreadOptions {
  readonly timers: number;
  /** The first is due then … */
  readonly firstDueAt: number;
  /** … and the rest evenly over this span. */
  readonly spanMs: number;
  /** `mixed`: one of each in turn. */
  readonly delivery: Delivery | 'mixed';
  readonly receiverUrl: string;
}

const perRequest = 500;

/** Creates timers in batches, a batch to each API in turn. */
export async function createSpread(apis: readonly string[], options: SpreadOptions): Promise<AcceptedById> {
  const accepted: AcceptedById = new Map();
  const batches = Math.ceil(options.timers / perRequest);
  const create = async (lane: number) => {
    for (let batch = lane; batch < batches; batch += apis.length) {
      for (const delivery of deliveriesOf(options)) {
        const timers = timersOf(batch, delivery, options);
        const dueById = await createTimers(apis[lane]!, timers);
        for (const [id, dueAt] of dueById) accepted.set(id, { dueAt, delivery });
      }
    }
  };
  await Promise.all(apis.map((_, lane) => create(lane)));
  return accepted;
}

function deliveriesOf({ delivery }: SpreadOptions): readonly Delivery[] {
  return delivery === 'mixed' ? ['at-least-once', 'at-most-once'] : [delivery];
}

function timersOf(batch: number, delivery: Delivery, options: SpreadOptions): object[] {
  const { timers, firstDueAt, spanMs, receiverUrl: url } = options;
  const deliveries = deliveriesOf(options);
  const places = Array.from({ length: Math.min(perRequest, timers - batch * perRequest) }, (_, at) => ({
    place: batch * perRequest + at,
    delivery: deliveries[at % deliveries.length],
  }));
  return places
    .filter((one) => one.delivery === delivery)
    .map(({ place }) => {
      return { at: new Date(firstDueAt + Math.floor((place * spanMs) / timers)).toISOString(), url, delivery };
    });
}
