import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultControllerSettings } from '../../src/controller/settings.ts';
import { StoreHealth } from '../../src/controller/store-health.ts';
import { Writer } from '../../src/controller/writer.ts';
import type { HeldSettlement, HoldResult, Store } from '../../src/store/store.ts';
import { newTimerId } from '../../src/timer/id.ts';
import { FakeClock, settlePromises } from '../support/fake-clock.ts';
import { recordingObserver } from '../support/recording-observer.ts';
import { seededRandom } from '../support/seeded-random.ts';

test('it is not idle while a settlement is under way that came while a release was waited for', async () => {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const released = Promise.withResolvers<HoldResult[]>();
  const settled = Promise.withResolvers<HoldResult[]>();
  const store = { release: () => released.promise, settle: () => settled.promise } as unknown as Store;
  const stopped = new AbortController().signal;
  const settings = defaultControllerSettings;
  const health = new StoreHealth({ clock, random, observer: recordingObserver(), settings, stopped });
  const writer = new Writer({ store, clock, health, settings });
  const hold = { id: newTimerId(1, random, { shard: 0 }), owner: 'a', claim: 1 };
  void writer.release({ ...hold, claimAt: 1 });
  let idle = false;
  void writer.idle().then(() => {
    idle = true;
  });
  const settlement = { attempts: [], attemptsMade: 0, attemptsMax: 1, next: { retryAt: 1 } };
  void writer.settle({ ...hold, settlement } satisfies HeldSettlement);
  released.resolve(['applied']);
  await settlePromises();
  assert.equal(idle, false);
  settled.resolve(['applied']);
  await settlePromises();
  assert.equal(idle, true);
});
