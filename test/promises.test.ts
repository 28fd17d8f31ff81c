// The promises that Punctual makes (docs/guarantees.md), one test named after each: the real controller, API functions and state machine on
// a clock that a test moves. The first needs a disk and a process that dies; the rest never wait.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { cancelTimer, retryTimer } from '../src/api/core/change.ts';
import { createTimer } from '../src/api/core/create.ts';
import { readStats } from '../src/api/core/stats.ts';
import type { CoreDeps } from '../src/api/deps.ts';
import { loadConfig } from '../src/config.ts';
import { groupedInserts } from '../src/store/grouped-inserts.ts';
import { SqliteStore } from '../src/store/sqlite/store.ts';
import { isStoreOutage, PunctualError } from '../src/timer/errors.ts';
import type { TimerId } from '../src/timer/id.ts';
import type { Dispatched } from '../src/webhook/sender.ts';
import { World } from './support/controllers.ts';
import { settlePromises } from './support/fake-clock.ts';
import { delivered, sentWith } from './support/fake-dispatcher.ts';
import { seededRandom } from './support/seeded-random.ts';
import { aSpec } from './support/timers.ts';

const never = new Promise<Dispatched>(() => {});

function coreOf(world: World, change: Partial<CoreDeps> = {}): CoreDeps {
  const limits = { clock: world.clock, batchMax: 100, queuedMax: 10, queuedBytesMax: 1_000_000, waitMsMax: 2_000 };
  return {
    store: groupedInserts(world.store, limits).store,
    clock: world.clock,
    random: seededRandom(3),
    rules: { ...loadConfig({}, {}), tagCharsMax: 100 },
    wake: () => {},
    logger: pino({ level: 'silent' }),
    observe: { created: () => {}, refused: () => {} },
    ...change,
  };
}

const url = 'http://127.0.0.1:9/hook';

test('Accepted is durable: what was accepted is there after the process dies in the middle of its work', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-durable-'));
  const path = join(folder, 'punctual.db');
  const program = fileURLToPath(new URL('./support/insert-until-killed.ts', import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let accepted = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    accepted += chunk;
    if (accepted.length > 100_000) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const ids = accepted.split('\n').slice(0, -1) as TimerId[];
  const store = await SqliteStore.open({ path });
  try {
    assert.ok(ids.length > 1_000);
    for (const id of ids) assert.ok(await store.get(id), `${id} was accepted and is gone`);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});

test('Accepted is durable: a create whose commit went unanswered is not accepted, and its repetition meets its first copy', async () => {
  const world = new World();
  const core = coreOf(world);
  const order = { request: { url, seconds: 5 }, key: 'order-1' };
  world.store.fail('after', 'insert');
  await assert.rejects(createTimer(core, order), { code: 'commit_unknown' });
  world.store.fail('none', 'insert');
  const accepted = await createTimer(core, order);
  assert.equal(accepted.replayed, true);
  assert.equal((await readStats(core)).counts.accepted, 1);
});

test('Never early: no call leaves before its time, whenever the controller looks', async () => {
  const world = new World();
  const random = seededRandom(11);
  const { controller, dispatcher } = world.controller('a');
  const core = coreOf(world, { wake: (_id, at) => controller.wake(at) });
  controller.start();
  for (let n = 0; n < 300; n++) {
    await createTimer(core, { request: { url, delay: `${Math.floor(random.fraction() * 3_000)}ms` } });
    await world.clock.advance(random.fraction() * 20);
  }
  await world.clock.advance(4_000);
  assert.equal(dispatcher.sent.length, 300);
  for (const { call, at } of dispatcher.sent) assert.ok(at >= call.timer.dueAt, `${at - call.timer.dueAt} ms early`);
});

test('Never missed: through crashes, outages and failures every timer is in exactly one state, and the identity holds at every step', async () => {
  const world = new World();
  const random = seededRandom(5);
  const core = coreOf(world);
  const outcomes = ['delivered', 'rejected', 'unreachable', 'unknown'] as const;
  for (let n = 0; n < 200; n++) {
    const delivery = n % 3 === 0 ? 'at-most-once' : 'at-least-once';
    await createTimer(core, {
      request: { url, delay: `${n * 50}ms`, delivery, retry: { max_attempts: 3, max: '3s' } },
    });
  }
  for (let life = 0; life < 10; life++) {
    // Each controller works for a while and then falls silent in the middle of what it does, without a word.
    const { controller, dispatcher, die } = world.controller(`life-${life}`);
    dispatcher.behaviour = (call) => {
      if (random.fraction() < 0.1) return never;
      return sentWith(call, world.clock, { outcome: outcomes[Math.floor(random.fraction() * 4)]! });
    };
    controller.start();
    await world.clock.advance(1_000);
    world.store.fail('before');
    await world.clock.advance(500);
    die();
    world.store.fail('none');
    const { counts, identityHolds } = await readStats(core);
    assert.equal(identityHolds, true);
    assert.deepEqual({ ...(await world.store.audit(world.clock.now())) }, { ...counts });
  }
  const last = world.controller('last');
  last.controller.start();
  await world.clock.advance(120_000);
  const { counts, identityHolds } = await readStats(core);
  assert.equal(identityHolds, true);
  assert.equal(counts.waiting + counts.executing, 0, JSON.stringify(counts));
});

test('Never twice: a recorded success is never sent again, and of two controllers only the holder of the lease sends', async () => {
  const world = new World();
  const both = [world.controller('a'), world.controller('b')];
  for (const { controller } of both) controller.start();
  for (let n = 0; n < 200; n++) await world.insert({ dueAt: world.clock.now() + n * 10 });
  await world.clock.advance(60_000);
  const sent = both.flatMap(({ dispatcher }) => dispatcher.sent.map(({ call }) => call.timer.id));
  assert.equal(sent.length, 200);
  assert.equal(new Set(sent).size, 200);
});

test('Never twice: a timer is sent again when its last attempt is known to have failed', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = (call) =>
    call.number === 1
      ? sentWith(call, world.clock, { outcome: 'rejected', status: 500 })
      : delivered(call, world.clock);
  controller.start();
  await world.insert();
  await world.clock.advance(60_000);
  assert.deepEqual(
    dispatcher.sent.map(({ call }) => call.number),
    [1, 2],
  );
});

test('Unknown is said, not guessed: an unanswered call is sent again at-least-once, and at-most-once becomes uncertain', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = (call) =>
    call.number === 1 ? sentWith(call, world.clock, { outcome: 'unknown' }) : delivered(call, world.clock);
  controller.start();
  const again = await world.insert();
  const once = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(60_000);
  assert.equal(await world.status(again), 'done');
  assert.equal(await world.status(once), 'uncertain');
  assert.equal(dispatcher.sent.filter(({ call }) => call.timer.id === again).length, 2);
  assert.equal(dispatcher.sent.filter(({ call }) => call.timer.id === once).length, 1);
  assert.equal((await world.store.counts(world.clock.now())).uncertain, 1);
});

test('Unknown is said, not guessed: an uncertain timer is sent again only when a person says so', async () => {
  const world = new World();
  const { controller, dispatcher } = world.controller('a');
  dispatcher.behaviour = (call) => sentWith(call, world.clock, { outcome: 'unknown' });
  controller.start();
  const id = await world.insert({ spec: aSpec({ delivery: 'at-most-once' }) });
  await world.clock.advance(600_000);
  assert.equal(dispatcher.sent.length, 1);
  dispatcher.behaviour = (call) => delivered(call, world.clock);
  await retryTimer(coreOf(world), id);
  await world.clock.advance(1_000);
  assert.equal(dispatcher.sent.length, 2);
  assert.equal(await world.status(id), 'done');
});

test('Cancel is a verdict: at every moment of its life a timer is either cancelled and never sent, or refused as too late', async () => {
  for (let atMs = 0; atMs <= 1_200; atMs += 25) {
    const world = new World();
    const { controller, dispatcher } = world.controller('a');
    controller.start();
    const id = await world.insert({ dueAt: world.clock.now() + 1_000 });
    await world.clock.advance(atMs);
    const verdict = await cancelTimer(coreOf(world), id).then(
      () => 'cancelled',
      (error) => (error instanceof PunctualError ? error.code : String(error)),
    );
    await world.clock.advance(30_000);
    assert.ok(verdict === 'cancelled' || verdict === 'too_late', verdict);
    assert.equal(dispatcher.sent.length, verdict === 'cancelled' ? 0 : 1, `${verdict} at ${atMs} ms`);
  }
});

test('Cancel is a verdict: what another controller may have sent before it died cannot be cancelled', async () => {
  const world = new World();
  const dead = world.controller('dead');
  dead.dispatcher.behaviour = () => never;
  const id = await world.insert({ dueAt: world.clock.now() });
  await dead.controller.claimOnce();
  const heir = world.controller('heir');
  const until = world.clock.monotonic() + 100_000;
  heir.dispatcher.dispatch = async () => ({ kind: 'postponed', untilAt: until, because: 'breaker_open' });
  heir.controller.start();
  await world.clock.advance(20_000);
  await assert.rejects(cancelTimer(coreOf(world), id), { code: 'too_late' });
});

test('Too busy is said: past the queue or past two seconds in it a create is refused, and what was refused is not stored', async () => {
  const world = new World();
  const gate = Promise.withResolvers<void>();
  const insert = world.store.insert;
  world.store.insert = async (timers) => {
    await gate.promise;
    return insert(timers);
  };
  const core = coreOf(world);
  const create = () => createTimer(core, { request: { url, seconds: 1 } });
  const first = create();
  await settlePromises();
  const settled = Promise.allSettled([first, ...Array.from({ length: 14 }, create)]);
  await world.clock.advance(2_000);
  gate.resolve();
  await world.clock.advance(1);
  const results = await settled;
  // One was on its way to the store; ten waited for two seconds; four found the queue full.
  const codes = results.map((result) => (result.status === 'fulfilled' ? 'accepted' : result.reason.code));
  assert.deepEqual(codes, ['accepted', ...Array(14).fill('overloaded')]);
  assert.equal((await readStats(core)).counts.accepted, 1);
});

test('Too busy is said: without a store every create is refused, and none is stored', async () => {
  const world = new World();
  const core = coreOf(world);
  world.store.fail('before');
  await assert.rejects(createTimer(core, { request: { url, seconds: 1 } }), (error) => isStoreOutage(error));
  world.store.fail('none');
  assert.equal((await readStats(core)).counts.accepted, 0);
});
