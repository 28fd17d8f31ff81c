import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/clock/clock.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import type { Dispatched } from '../../src/webhook/sender.ts';
import { World } from '../support/controllers.ts';
import { settlePromises } from '../support/fake-clock.ts';
import { delivered, sentWith } from '../support/fake-dispatcher.ts';
import { aSpec } from '../support/timers.ts';

const never = new Promise<Dispatched>(() => {});

/** A controller that died with a timer in its hands: its lease runs out. */
async function leaveOneBehind(world: World): Promise<void> {
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  await world.insert({ dueAt: world.clock.now() + 10 });
  await dead.controller.claimOnce();
}

test('a timer fires in the millisecond it is due, not before, and is done', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  controller.start();
  const id = await world.insert({ dueAt: world.clock.now() + 1_000 });
  await world.clock.advance(999);
  assert.equal(dispatcher.sent.length, 0);
  assert.equal(await world.status(id), 'waiting');
  await world.clock.advance(1);
  assert.equal(dispatcher.sent.length, 1);
  assert.equal(await world.status(id), 'done');
  assert.equal((await world.timer(id)).attempts[0]?.status, 200);
});

test('a timer that is on the wire is executing', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = () => never;
  controller.start();
  const id = await world.insert();
  await world.clock.advance(1_000);
  assert.equal(await world.status(id), 'executing');
});

test('a timer due before the next poll fires on time when the controller is woken', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { pollMs: 500 });
  controller.start();
  await world.clock.advance(10);
  const dueAt = world.clock.now() + 50;
  await world.insert({ dueAt });
  controller.wake(dueAt);
  await world.clock.advance(50);
  assert.equal(dispatcher.sent[0]?.at, dueAt);
});

test('overdue timers fire oldest first', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { batchMax: 10 });
  const ages = [5_000, 90_000, 1, 30_000, 60_000];
  for (const age of ages) await world.insert({ dueAt: world.clock.now() - age });
  controller.start();
  await world.clock.advance(1);
  const due = dispatcher.sent.map(({ call }) => call.timer.dueAt);
  assert.deepEqual(
    due,
    [...due].sort((a, b) => a - b),
  );
  assert.equal(due.length, ages.length);
});

test('a rejected attempt is repeated after a pause, as attempt 2, until the attempts are used up', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = (call) => sentWith(call, world.clock, { outcome: 'rejected', status: 500 });
  controller.start();
  const id = await world.insert({
    spec: aSpec({ retry: { maxAttempts: 3, initialMs: 1_000, maxMs: 5_000, factor: 2 } }),
  });
  await world.clock.advance(20_000);
  assert.deepEqual(
    dispatcher.sent.map(({ call }) => call.number),
    [1, 2, 3],
  );
  assert.equal(await world.status(id), 'failed');
});

test("Retry-After is a floor for the next attempt's time", async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = (call) => ({
    ...sentWith(call, world.clock, { outcome: 'rejected', status: 503 }),
    retryAfterMs: 30_000,
  });
  controller.start();
  await world.insert();
  await world.clock.advance(1_000 + 29_999);
  assert.equal(dispatcher.sent.length, 1);
  await world.clock.advance(1_000);
  assert.equal(dispatcher.sent.length, 2);
});

test('an at-most-once call is marked in the store before it is sent', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  let begun: number | null | undefined;
  dispatcher.behaviour = async (call) => {
    begun = (await world.timer(call.timer.id)).begunClaim;
    return delivered(call, world.clock);
  };
  controller.start();
  const id = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(1_000);
  assert.equal(begun, 1);
  assert.equal(await world.status(id), 'done');
});

test('an at-most-once call is not sent while it cannot be marked, and is sent once it can', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  world.store.fail('before', 'begin');
  controller.start();
  const id = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(3_000);
  assert.equal(dispatcher.sent.length, 0);
  world.store.fail('none', 'begin');
  await world.clock.advance(10_000);
  assert.equal(dispatcher.sent.length, 1);
  assert.equal(await world.status(id), 'done');
});

test('an at-most-once call whose mark was written without an answer is not sent', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  world.store.fail('after', 'begin');
  controller.start();
  const id = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(1_500);
  assert.equal(dispatcher.sent.length, 0);
  world.store.fail('none', 'begin');
  await world.clock.advance(10_000);
  assert.equal(dispatcher.sent.length, 1, 'it was given back, unmarked, and sent later');
  assert.equal(await world.status(id), 'done');
});

test("a dead controller's at-least-once timer is sent again by another within its lease and a poll, with the lost attempt on record", async () => {
  const world = new World();
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  const id = await world.insert({ dueAt: world.clock.now() + 100 });
  await dead.controller.claimOnce();
  await world.clock.advance(100);
  assert.equal(dead.dispatcher.sent.length, 1);
  const heir = world.controller('heir');
  heir.controller.start();
  await world.clock.advance(5_800);
  assert.equal(heir.dispatcher.sent.length, 0, 'not while the lease is good');
  await world.clock.advance(400);
  assert.equal(heir.dispatcher.sent.length, 1);
  assert.equal(heir.dispatcher.sent[0]?.call.number, 2);
  const timer = await world.timer(id);
  assert.deepEqual(
    timer.attempts.map((attempt) => attempt.outcome),
    ['unknown', 'delivered'],
  );
  assert.equal(timer.ended?.status, 'done');
});

test("a dead controller's begun at-most-once timer becomes uncertain and is not sent again", async () => {
  const world = new World();
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  const id = await world.insert({ dueAt: world.clock.now() + 100, spec: aSpec({ delivery: 'at-most-once' }) });
  await dead.controller.claimOnce();
  await world.clock.advance(100);
  assert.equal(dead.dispatcher.sent.length, 1);
  const heir = world.controller('heir');
  heir.controller.start();
  await world.clock.advance(60_000);
  assert.equal(heir.dispatcher.sent.length, 0);
  assert.equal(await world.status(id), 'uncertain');
});

test('a late settlement by the controller that sent it still resolves an uncertain timer', async () => {
  const world = new World();
  const slow = world.controller('slow');
  const answer = Promise.withResolvers<Dispatched>();
  slow.dispatcher.behaviour = () => answer.promise;
  const id = await world.insert({ dueAt: world.clock.now() + 100, spec: aSpec({ delivery: 'at-most-once' }) });
  await slow.controller.claimOnce();
  await world.clock.advance(100);
  const heir = world.controller('heir');
  heir.controller.start();
  await world.clock.advance(7_000);
  assert.equal(await world.status(id), 'uncertain');
  answer.resolve(delivered(slow.dispatcher.sent[0]!.call, world.clock));
  await world.clock.advance(1);
  assert.equal(await world.status(id), 'done');
});

test('a process that was paused until its lease ran short wakes up harmless: it does not send', async () => {
  const world = new World();
  const paused = world.controller('paused');
  await world.insert({ dueAt: world.clock.now() + 400 });
  await paused.controller.claimOnce();
  world.clock.jump(4_500);
  await world.clock.advance(1);
  assert.equal(paused.dispatcher.sent.length, 0);
  assert.ok(paused.observer.told.some(({ event }) => event === 'dropped'));
  const other = world.controller('other');
  other.controller.start();
  await world.clock.advance(2_000);
  assert.equal(other.dispatcher.sent.length, 1);
});

test('a process that is paused while its connection is set up does not send when it wakes up', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  let left: boolean | undefined;
  dispatcher.behaviour = (call) => {
    world.clock.jump(10_000);
    left = call.mayLeave();
    return { kind: 'dropped' };
  };
  await world.insert({ dueAt: world.clock.now() });
  await controller.claimOnce();
  await world.clock.advance(1);
  assert.equal(left, false);
});

test('a machine that was suspended until a lease ran out does not send under it, though its steady clock says that it is young', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('suspended');
  await world.insert({ dueAt: world.clock.now() + 400 });
  await controller.claimOnce();
  world.clock.shift(10_000);
  await world.clock.advance(400);
  assert.equal(dispatcher.sent.length, 0);
});

test('a call that was extended may leave as long as the new lease is good', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const { promise, resolve } = Promise.withResolvers<Dispatched>();
  dispatcher.behaviour = () => promise;
  await world.insert({ dueAt: world.clock.now() });
  controller.start();
  await world.clock.advance(20_000);
  assert.equal(dispatcher.sent[0]?.call.mayLeave(), true);
  resolve({ kind: 'dropped' });
});

test('a call may not leave before it is due, whoever sends it', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  let left: boolean | undefined;
  dispatcher.behaviour = (call) => {
    world.clock.shift(-1);
    left = call.mayLeave();
    return { kind: 'dropped' };
  };
  await world.insert({ dueAt: world.clock.now() });
  await controller.claimOnce();
  assert.equal(left, false);
});

test('a call that stays on the wire for longer than a lease is not taken over', async () => {
  const world = new World();
  const holder = world.controller('holder');
  const answer = Promise.withResolvers<Dispatched>();
  holder.dispatcher.behaviour = () => answer.promise;
  holder.controller.start();
  const id = await world.insert();
  await world.clock.advance(1_000);
  const other = world.controller('other');
  other.controller.start();
  await world.clock.advance(30_000);
  assert.equal(other.dispatcher.sent.length, 0);
  answer.resolve(delivered(holder.dispatcher.sent[0]!.call, world.clock));
  await world.clock.advance(1);
  assert.equal(await world.status(id), 'done');
});

test('what is known is settled before anything is claimed after an outage, and nobody is robbed of a lease for one extend interval', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  await leaveOneBehind(world);
  const known = await world.insert({ dueAt: world.clock.now() + 100 });
  controller.start();
  await world.clock.advance(90);
  world.store.fail('before');
  await world.clock.advance(20_000);
  assert.equal(dispatcher.sent.length, 1);
  world.store.calls.length = 0;
  world.store.fail('none');
  await world.clock.advance(5_100);
  const verbs = world.store.calls.filter((verb) => verb === 'settle' || verb === 'claim');
  assert.equal(verbs[0], 'settle');
  assert.equal(await world.status(known), 'done');
  await world.clock.advance(5_000);
  assert.equal(dispatcher.sent.length, 2, 'then the dead controller is inherited from');
});

test('a lease that could not be extended does not make the store count as down once its call has ended', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const answer = Promise.withResolvers<Dispatched>();
  dispatcher.behaviour = () => answer.promise;
  controller.start();
  await world.insert({ dueAt: world.clock.now() });
  world.store.fail('before', 'extend');
  await world.clock.advance(3_000);
  assert.equal(controller.storeIsUp, false);
  world.store.fail('none', 'extend');
  answer.resolve(delivered(dispatcher.sent[0]!.call, world.clock));
  await world.clock.advance(600);
  assert.equal(controller.storeIsUp, true);
});

test('nothing is taken over within one extend interval of the store coming back', async () => {
  const world = new World();
  await leaveOneBehind(world);
  const heir = world.controller('heir', { outageMsMax: 100 });
  heir.controller.start();
  world.store.fail('before');
  await world.clock.advance(30_000);
  world.store.fail('none');
  await world.clock.advance(1_900);
  assert.equal(heir.dispatcher.sent.length, 0);
  await world.clock.advance(600);
  assert.equal(heir.dispatcher.sent.length, 1);
});

test('beside a store that stalls nothing is taken over until those at work had an extend interval to write', async () => {
  const world = new World();
  await leaveOneBehind(world);
  const heir = world.controller('heir');
  const stall = Promise.withResolvers<void>();
  // What writes is not answered; a claim that finds nothing writes nothing.
  world.store.beat = () => stall.promise;
  heir.controller.start();
  await world.clock.advance(25_000);
  assert.equal(heir.dispatcher.sent.length, 0, 'its lease ran out long ago');
  stall.resolve();
  await world.clock.advance(1_900);
  assert.equal(heir.dispatcher.sent.length, 0);
  await world.clock.advance(600);
  assert.equal(heir.dispatcher.sent.length, 1);
});

test('a store that is slow for ever keeps nobody from inheriting', async () => {
  const world = new World();
  await leaveOneBehind(world);
  const heir = world.controller('heir');
  world.store.beat = () => new Promise<void>(() => undefined);
  heir.controller.start();
  await world.clock.advance(29_500);
  assert.equal(heir.dispatcher.sent.length, 0);
  await world.clock.advance(1_500);
  assert.equal(heir.dispatcher.sent.length, 1);
});

test('a store that comes and goes for ever keeps nobody from inheriting', async () => {
  const world = new World();
  await leaveOneBehind(world);
  const heir = world.controller('heir');
  const { claim } = world.store;
  let claims = 0;
  world.store.claim = (request) => {
    if (++claims % 5 === 0) throw new PunctualError('store_unavailable');
    return claim(request);
  };
  heir.controller.start();
  await world.clock.advance(29_500);
  assert.equal(heir.dispatcher.sent.length, 0, 'its lease ran out long ago');
  await world.clock.advance(3_000);
  assert.equal(heir.dispatcher.sent.length, 1);
});

test('a heart that can never beat keeps nobody from inheriting', async () => {
  const world = new World();
  await leaveOneBehind(world);
  const heir = world.controller('heir', { beatEveryMs: 2_001 });
  world.store.fail('before', 'beat');
  heir.controller.start();
  await world.clock.advance(29_500);
  assert.equal(heir.dispatcher.sent.length, 0);
  await world.clock.advance(2_500);
  assert.equal(heir.dispatcher.sent.length, 1);
});

test('what is known is written within an extend interval of an outage’s end, however long that was', async () => {
  const world = new World();
  const { controller } = world.controller('a');
  const id = await world.insert({ dueAt: world.clock.now() + 100 });
  controller.start();
  await world.clock.advance(90);
  world.store.fail('before');
  await world.clock.advance(60_000);
  world.store.fail('none');
  await world.clock.advance(1_100);
  assert.equal(await world.status(id), 'done');
});

test('a settlement whose answer was lost is written once and the timer is not sent again', async () => {
  const world = new World();
  const { controller, dispatcher, observer } = world.controller('a');
  controller.start();
  const id = await world.insert();
  world.store.fail('after', 'settle');
  await world.clock.advance(1_500);
  world.store.fail('none', 'settle');
  await world.clock.advance(30_000);
  assert.equal(dispatcher.sent.length, 1);
  assert.equal(await world.status(id), 'done');
  assert.equal(observer.told.filter(({ event }) => event === 'settled').length, 1);
});

test('a controller whose own lease ran out goes on with the call under its new claim', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { extendAfterMs: 1_000_000 });
  const answer = Promise.withResolvers<Dispatched>();
  dispatcher.behaviour = () => answer.promise;
  controller.start();
  const id = await world.insert({ dueAt: world.clock.now() + 100 });
  await world.clock.advance(100);
  await world.clock.advance(20_000);
  assert.ok((await world.timer(id)).claim > 1, 'it was claimed anew');
  assert.equal(dispatcher.sent.length, 1);
  answer.resolve(delivered(dispatcher.sent[0]!.call, world.clock));
  await world.clock.advance(200);
  assert.equal(await world.status(id), 'done');
  assert.equal(dispatcher.sent.length, 1);
});

test('stopping gives back what is unsent, waits for what is on the wire, and settles it', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const answer = Promise.withResolvers<Dispatched>();
  dispatcher.behaviour = () => answer.promise;
  controller.start();
  const onWire = await world.insert({ dueAt: world.clock.now() + 100 });
  const soon = await world.insert({ dueAt: world.clock.now() + 450 });
  const unsent = await world.insert({ dueAt: world.clock.now() + 690 });
  await world.clock.advance(200);
  let left: number | undefined;
  void controller.stop(10_000).then((count) => {
    left = count;
  });
  await world.clock.advance(5_000);
  assert.equal((await world.timer(unsent)).lease, null);
  assert.equal(left, undefined);
  answer.resolve(delivered(dispatcher.sent[0]!.call, world.clock));
  await world.clock.advance(1);
  assert.equal(left, 0);
  assert.equal(await world.status(onWire), 'done');
  assert.deepEqual(
    dispatcher.sent.map(({ call }) => call.timer.id),
    [onWire, soon],
    'what nobody else would find in time is still sent',
  );
});

test('stopping cuts off after its grace what is still on the wire, and records that its outcome is unknown', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const answer = Promise.withResolvers<Dispatched>();
  dispatcher.behaviour = () => answer.promise;
  dispatcher.cutOff = () => answer.resolve(sentWith(dispatcher.sent[0]!.call, world.clock, { outcome: 'unknown' }));
  controller.start();
  const id = await world.insert({ dueAt: world.clock.now(), spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(200);
  const stopped = controller.stop(1_000);
  await world.clock.advance(999);
  assert.equal(await world.status(id), 'executing');
  await world.clock.advance(1);
  assert.equal(await stopped, 0);
  assert.equal(await world.status(id), 'uncertain');
});

test('stopping without a store says how many timers it leaves to their leases', async () => {
  const world = new World();
  const { controller } = world.controller('a');
  controller.start();
  await world.insert({ dueAt: world.clock.now() + 300 });
  await world.clock.advance(200);
  world.store.fail('before');
  const stopped = controller.stop(1_000);
  await world.clock.advance(4_000);
  assert.equal(await stopped, 1);
});

test('a rolling restart sends nothing twice and delays nothing', async () => {
  const world = new World();
  const old = world.controller('old');
  const fresh = world.controller('fresh');
  old.controller.start();
  for (let ms = 0; ms < 1_000; ms += 10) await world.insert({ dueAt: world.clock.now() + ms });
  await world.clock.advance(500);
  fresh.controller.start();
  const stopped = old.controller.stop(10_000);
  await world.clock.advance(1_000);
  assert.equal(await stopped, 0);
  const sent = [...old.dispatcher.sent, ...fresh.dispatcher.sent];
  assert.equal(new Set(sent.map(({ call }) => call.timer.id)).size, 100);
  assert.equal(sent.length, 100);
  assert.ok(sent.every(({ call, at }) => at - call.timer.dueAt <= 210));
});

test("nothing is fired while the store's time is in doubt by more than a second, and all of it after", async () => {
  const world = new World();
  const { controller, dispatcher, observer } = world.controller('a');
  controller.start();
  await world.insert({ dueAt: world.clock.now() + 100 });
  await world.clock.advance(50);
  world.clock.setDoubt(1_001);
  await world.clock.advance(3_000);
  assert.equal(dispatcher.sent.length, 0);
  assert.equal(observer.told.filter(({ event }) => event === 'clockDoubtful').length, 1, 'said once');
  world.clock.setDoubt(3);
  await world.clock.advance(1_000);
  assert.equal(dispatcher.sent.length, 1);
});

test('no more timers are in hand than allowed, and room is used again', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { heldMax: 20, batchMax: 10 });
  const release: (() => void)[] = [];
  dispatcher.behaviour = (call) => new Promise((resolve) => release.push(() => resolve(delivered(call, world.clock))));
  for (let n = 0; n < 50; n++) await world.insert({ dueAt: world.clock.now() });
  controller.start();
  let most = 0;
  for (let round = 0; round < 50; round++) {
    await world.clock.advance(20);
    most = Math.max(most, controller.held);
    for (const done of release.splice(0, 5)) done();
  }
  assert.equal(most, 20);
  assert.equal(dispatcher.sent.length, 50);
});

test('no more bytes are in hand than allowed', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { heldBytesMax: 10_000 });
  dispatcher.behaviour = () => never;
  for (let n = 0; n < 10; n++)
    await world.insert({ dueAt: world.clock.now(), spec: aSpec({ body: 'x'.repeat(3_000) }) });
  controller.start();
  await world.clock.advance(1_000);
  assert.ok(dispatcher.sent.length >= 3 && dispatcher.sent.length <= 4, String(dispatcher.sent.length));
});

test('a postponed timer is not tried again before its time, and not in a busy loop', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  let turns = 0;
  const until = world.clock.monotonic() + 1_000;
  dispatcher.dispatch = async (call, permit) => {
    turns += 1;
    if (world.clock.monotonic() < until) return { kind: 'postponed', untilAt: until, because: 'lane_full' };
    assert.ok(await permit());
    return delivered(call, world.clock);
  };
  controller.start();
  const id = await world.insert({ dueAt: world.clock.now() });
  await world.clock.advance(999);
  assert.equal(turns, 1);
  await world.clock.advance(1);
  assert.equal(turns, 2);
  assert.equal(await world.status(id), 'done');
  assert.equal((await world.timer(id)).attemptsMade, 1, 'being put off is no attempt');
});

test('a timer that was taken over and put off unsent keeps the lost attempt on record', async () => {
  const world = new World();
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  const id = await world.insert({ dueAt: world.clock.now() });
  await dead.controller.claimOnce();
  const heir = world.controller('heir');
  const until = world.clock.monotonic() + 60_000;
  heir.dispatcher.dispatch = async () => ({ kind: 'postponed', untilAt: until, because: 'breaker_open' });
  heir.controller.start();
  await world.clock.advance(10_000);
  const timer = await world.timer(id);
  assert.equal(timer.lease, null);
  assert.equal(timer.attempts[0]?.outcome, 'unknown');
  assert.equal(timer.attemptsMax, 9, 'the lost attempt uses up none');
});

test('ended timers are deleted once they are old enough', async () => {
  const world = new World();
  const { controller } = world.controller('a', { historyMs: 60_000, purgeEveryMs: 10_000, batchMax: 3 });
  controller.start();
  for (let n = 0; n < 10; n++) await world.insert({ dueAt: world.clock.now() });
  await world.clock.advance(59_000);
  assert.equal((await world.store.counts(world.clock.now())).done, 10);
  await world.clock.advance(15_000);
  assert.deepEqual((await world.store.counts(world.clock.now())).purged, 10);
});

test('a defect in a settlement does not stop the other timers', async () => {
  const world = new World();
  const { controller, dispatcher, observer } = world.controller('a', { outageMsMax: 50 });
  const settle = world.store.settle;
  world.store.settle = async (batch) => {
    if (batch.some(({ settlement }) => settlement.attempts.at(-1)?.error === 'poison'))
      throw new TypeError('cannot be written');
    return settle(batch);
  };
  dispatcher.behaviour = (call) =>
    call.timer.spec.tags.includes('poison')
      ? sentWith(call, world.clock, { outcome: 'delivered', error: 'poison' })
      : delivered(call, world.clock);
  controller.start();
  await world.insert({ dueAt: world.clock.now(), spec: aSpec({ tags: ['poison'] }) });
  await world.clock.advance(300);
  const id = await world.insert({ dueAt: world.clock.now() });
  await world.clock.advance(2_000);
  assert.equal(await world.status(id), 'done');
  assert.ok(observer.told.some(({ event }) => event === 'failed'));
});

/** From now on the verb's answer takes `ms` longer than the verb. */
function delayAnswers<Verb extends 'settle' | 'claim' | 'begin' | 'release'>(
  world: World,
  verb: Verb,
  ms: number,
): void {
  const call = world.store[verb] as (...args: unknown[]) => Promise<unknown>;
  const delayed = async (...args: unknown[]) => {
    const result = await call(...args);
    await sleep(world.clock, ms);
    return result;
  };
  world.store[verb] = delayed as World['store'][Verb];
}

test('a timer that is claimed again before the answer to its settlement is there is sent at its time', async () => {
  const world = new World();
  const { controller, dispatcher, observer } = world.controller('a');
  dispatcher.behaviour = (call) =>
    call.number < 3 ? sentWith(call, world.clock, { outcome: 'rejected', status: 500 }) : delivered(call, world.clock);
  delayAnswers(world, 'settle', 150);
  controller.start();
  const id = await world.insert({ spec: aSpec({ retry: { maxAttempts: 8, initialMs: 100, maxMs: 100, factor: 1 } }) });
  await world.clock.advance(2_500);
  assert.equal(await world.status(id), 'done');
  assert.equal((await world.timer(id)).attemptsMade, 3);
  assert.ok(!observer.told.some(({ event }) => event === 'takenOver'));
});

test('a timer that was put off and is claimed again before the answer to its release is there is sent at its time', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const until = world.clock.monotonic() + 250;
  const dispatch = dispatcher.dispatch.bind(dispatcher);
  dispatcher.dispatch = async (call, permit) =>
    world.clock.monotonic() < until
      ? { kind: 'postponed', untilAt: until, because: 'lane_full' }
      : dispatch(call, permit);
  delayAnswers(world, 'release', 400);
  controller.start();
  await world.insert({ dueAt: world.clock.now() });
  await world.clock.advance(1_000);
  assert.equal(dispatcher.sent.length, 1);
});

test('an at-most-once call whose mark took longer than its lease is not sent, and is not uncertain', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  const begin = world.store.begin;
  delayAnswers(world, 'begin', 7_000);
  controller.start();
  const id = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(7_500);
  assert.equal(dispatcher.sent.length, 0);
  world.store.begin = begin;
  await world.clock.advance(20_000);
  assert.equal(await world.status(id), 'done');
  assert.equal(dispatcher.sent.length, 1);
});

test("an at-most-once call whose mark took so long that another controller took it over comes back from 'uncertain', since it was not sent", async () => {
  const world = new World();
  const slow = world.controller('slow');
  const begin = world.store.begin;
  delayAnswers(world, 'begin', 8_000);
  const id = await world.insert({ dueAt: world.clock.now() + 100, spec: aSpec({ delivery: 'at-most-once' }) });
  await slow.controller.claimOnce();
  await world.clock.advance(200);
  const other = world.controller('other');
  other.controller.start();
  await world.clock.advance(7_000);
  assert.equal(await world.status(id), 'uncertain');
  world.store.begin = begin;
  await world.clock.advance(5_000);
  assert.equal(await world.status(id), 'done');
  assert.equal(slow.dispatcher.sent.length + other.dispatcher.sent.length, 1);
});

test('an answer that is known is written though the lease ran out and the claim that renews it is not answered yet', async () => {
  for (const delivery of ['at-least-once', 'at-most-once'] as const) {
    const world = new World();
    const { controller, dispatcher } = world.controller('a', { extendAfterMs: 1_000_000 });
    const answer = Promise.withResolvers<Dispatched>();
    dispatcher.behaviour = () => answer.promise;
    const id = await world.insert({ dueAt: world.clock.now(), spec: aSpec({ delivery }) });
    await controller.claimOnce();
    await world.clock.advance(6_500);
    delayAnswers(world, 'claim', 300);
    const claiming = controller.claimOnce();
    await world.clock.advance(100);
    answer.resolve(delivered(dispatcher.sent[0]!.call, world.clock));
    await world.clock.advance(1_000);
    await claiming;
    assert.equal(await world.status(id), 'done', delivery);
    await world.clock.advance(30_000);
    assert.equal(dispatcher.sent.length, 1, delivery);
  }
});

test("what another controller did in between stays on record: a lease that it had is not taken for one's own", async () => {
  const world = new World();
  const first = world.controller('first');
  const answer = Promise.withResolvers<Dispatched>();
  first.dispatcher.behaviour = () => answer.promise;
  const spec = aSpec({ retry: { maxAttempts: 8, initialMs: 0, maxMs: 0, factor: 1 } });
  const id = await world.insert({ dueAt: world.clock.now(), spec });
  await first.controller.claimOnce();
  await world.clock.advance(6_100);
  const second = world.controller('second');
  second.dispatcher.behaviour = (call) => sentWith(call, world.clock, { outcome: 'rejected', status: 500 });
  await second.controller.claimOnce();
  await world.clock.advance(1);
  await first.controller.claimOnce();
  answer.resolve(sentWith(first.dispatcher.sent[0]!.call, world.clock, { outcome: 'unreachable' }));
  await world.clock.advance(1);
  const outcomes = (await world.timer(id)).attempts.map(({ outcome }) => outcome);
  assert.deepEqual(outcomes.slice(0, 2), ['unknown', 'rejected']);
});

test('stopping while the store does not answer sends nothing more and does not use up the grace for nothing', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  controller.start();
  await world.insert({ dueAt: world.clock.now() + 350 });
  await world.insert({ dueAt: world.clock.now() + 600 });
  await world.clock.advance(300);
  world.store.fail('before');
  await world.clock.advance(290);
  const stopped = controller.stop(20_000);
  await world.clock.advance(1_000);
  assert.equal(dispatcher.sent.length, 1, 'only the one that was due before');
  world.store.fail('none');
  await world.clock.advance(6_000);
  assert.equal(await stopped, 0);
});

test('a store that still answers some verbs is down until the one that failed succeeds, and that is said once', async () => {
  const world = new World();
  const { controller, dispatcher, observer } = world.controller('a');
  dispatcher.behaviour = (call) => (call.timer.spec.tags.includes('slow') ? never : delivered(call, world.clock));
  controller.start();
  await world.insert({ dueAt: world.clock.now(), spec: aSpec({ tags: ['slow'] }) });
  await world.insert({ dueAt: world.clock.now() + 100 });
  world.store.fail('before', 'settle');
  await world.clock.advance(60_000);
  const count = (event: string) => observer.told.filter((told) => told.event === event).length;
  assert.deepEqual([count('storeDown'), count('storeUp'), controller.storeIsUp], [1, 0, false]);
  world.store.fail('none', 'settle');
  await world.clock.advance(6_000);
  assert.deepEqual([count('storeDown'), count('storeUp'), controller.storeIsUp], [1, 1, true]);
});

test('a verb that failed once and is not needed again does not keep the store down', async () => {
  const world = new World();
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  await world.insert({ dueAt: world.clock.now() });
  await dead.controller.claimOnce();
  const { controller, dispatcher } = world.controller('a');
  controller.start();
  world.store.fail('before', 'begin');
  const id = await world.insert({ dueAt: world.clock.now() + 100, spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(250);
  assert.equal(controller.storeIsUp, false);
  const { claim } = await world.timer(id);
  await world.store.settle([
    {
      id,
      owner: 'a',
      claim,
      settlement: {
        attempts: [],
        attemptsMade: 0,
        attemptsMax: 8,
        next: { ended: { status: 'failed', at: world.clock.now() } },
      },
    },
  ]);
  await world.clock.advance(25_000);
  assert.equal(controller.storeIsUp, true);
  assert.equal(dispatcher.sent.length, 1, 'the dead controller is inherited from');
});

test('few timers in hand at once are no reason to wait for the next poll', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a', { heldMax: 10 });
  for (let n = 0; n < 200; n++) await world.insert({ dueAt: world.clock.now() });
  controller.start();
  // Twenty claims, without a step of the clock.
  for (let turn = 0; turn < 20; turn++) await settlePromises();
  assert.equal(dispatcher.sent.length, 200);
});
