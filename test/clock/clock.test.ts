import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../../src/clock/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** Whether the promise has resolved by now. */
function watch(promise: Promise<void>): () => boolean {
  let resolved = false;
  void promise.then(() => {
    resolved = true;
  });
  return () => resolved;
}

describe('sleeping', () => {
  it('takes as long as it was told', async () => {
    const clock = new FakeClock();
    const awake = watch(sleep(clock, 100));
    await clock.advance(99);
    assert.equal(awake(), false);
    await clock.advance(1);
    assert.equal(awake(), true);
  });

  it('ends at once when it is aborted, and takes its alarm back', async () => {
    const clock = new FakeClock();
    let alarms = 0;
    const after = clock.after.bind(clock);
    clock.after = (delayMs, run) => {
      alarms++;
      const stop = after(delayMs, run);
      return () => {
        alarms--;
        stop();
      };
    };
    const abort = new AbortController();
    const awake = watch(sleep(clock, 100, abort.signal));
    await clock.advance(50);
    assert.equal(alarms, 1);
    abort.abort();
    await clock.advance(0);
    assert.equal(awake(), true);
    assert.equal(alarms, 0);
  });

  it('does not begin when it is already aborted', async () => {
    const clock = new FakeClock();
    const awake = watch(sleep(clock, 100, AbortSignal.abort()));
    await clock.advance(0);
    assert.equal(awake(), true);
  });

  it('leaves nothing behind on a signal that lives on', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const asleep = sleep(clock, 10, signal);
    assert.equal(listeners, 1);
    await clock.advance(10);
    await asleep;
    assert.equal(listeners, 0);
  });
});
