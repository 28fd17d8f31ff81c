import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { SystemClock } from '../../../src/clock/system-clock.ts';
import { PostgresWakeups } from '../../../src/store/postgres/wakeups.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import { freePort } from '../../support/servers/free-port.ts';
import type { TestContext } from '../conformance.ts';
import { Network } from './network.ts';
import { connectTo, openStore, unavailable } from './scratch.ts';

const clock = new SystemClock();

function open(context: TestContext, url: string): PostgresWakeups {
  const wakeups = new PostgresWakeups({ url, clock });
  context.after(() => wakeups.close());
  return wakeups;
}

/** One that listens, what it heard so far, and a promise of the next time that it hears. */
class Ear {
  readonly heard: number[] = [];
  #next = Promise.withResolvers<number>();

  constructor(wakeups: PostgresWakeups) {
    wakeups.onRing((at) => {
      this.heard.push(at);
      this.#next.resolve(at);
      this.#next = Promise.withResolvers();
    });
  }

  /** Rejects when nothing is heard for a second. */
  async next(): Promise<number> {
    const late = AbortSignal.timeout(1_000);
    const silence = new Promise<never>((_, reject) => late.addEventListener('abort', () => reject(late.reason)));
    return Promise.race([this.#next.promise, silence]);
  }
}

/** A database, its URL, and a session beside those of the wakeups. */
async function scene(context: TestContext): Promise<{ url: string; other: Client }> {
  const url = await freshDatabase('postgres', context);
  await openStore(context, { url });
  return { url, other: await connectTo(context, url) };
}

/** The processes of the sessions of wakeups, as soon as there are so many that have asked something. */
async function sessions(other: Client, count: number): Promise<number[]> {
  for (;;) {
    const { rows } = await other.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'punctual wakeups' AND state = 'idle' AND query LIKE 'LISTEN%' AND datname = current_database()",
    );
    if (rows.length >= count) return rows.map(({ pid }) => pid);
    await sleep(5);
  }
}

describe('wakeups by PostgreSQL', { skip: unavailable }, () => {
  it('ring in every other process on the database within a second, and not in their own', async (t) => {
    const { url, other } = await scene(t);
    const [one, two, three] = [open(t, url), open(t, url), open(t, url)];
    const ears = [one, two, three].map((wakeups) => new Ear(wakeups));
    await sessions(other, 3);
    const heard = Promise.all([ears[1]!.next(), ears[2]!.next()]);
    one.ring(42.5);
    assert.deepEqual(await heard, [42.5, 42.5]);
    const back = ears[0]!.next();
    two.ring(43);
    assert.equal(await back, 43, 'its own ring would have come first');
  });

  it('ring from a process that does not listen, from its first call on', async (t) => {
    const { url, other } = await scene(t);
    const ear = new Ear(open(t, url));
    await sessions(other, 1);
    const heard = ear.next();
    open(t, url).ring(7);
    assert.equal(await heard, 7);
  });

  it('are heard by who begins to listen when the connection is there already', async (t) => {
    const { url, other } = await scene(t);
    const late = open(t, url);
    late.ring(1);
    const ear = new Ear(late);
    await sessions(other, 1);
    const heard = ear.next();
    open(t, url).ring(8);
    assert.equal(await heard, 8);
  });

  it('tell the earliest of many rings at once, in few notifications', async (t) => {
    const { url, other } = await scene(t);
    const ear = new Ear(open(t, url));
    await sessions(other, 1);
    const ringing = open(t, url);
    const heard = ear.next();
    for (let at = 1_000; at > 0; at--) ringing.ring(at);
    assert.equal(await heard, 1);
    for (let burst = 0; burst < 100; burst++) {
      for (let at = 0; at < 10; at++) ringing.ring(at);
      await sleep(1);
    }
    const last = ear.next();
    ringing.ring(-1);
    while ((await last) !== -1 && ear.heard.at(-1) !== -1) await ear.next();
    assert.ok(ear.heard.length < 60, `${ear.heard.length} notifications`);
  });

  it('go on when the server has ended their sessions', async (t) => {
    const { url, other } = await scene(t);
    const [ringing, listening] = [open(t, url), open(t, url)];
    new Ear(ringing);
    const ear = new Ear(listening);
    for (const pid of await sessions(other, 2)) await other.query('SELECT pg_terminate_backend($1)', [pid]);
    await sessions(other, 2);
    const heard = ear.next();
    ringing.ring(9);
    assert.equal(await heard, 9);
  });

  it('are neither told nor missed where others notify of something else', async (t) => {
    const { url, other } = await scene(t);
    const ear = new Ear(open(t, url));
    await sessions(other, 1);
    const heard = ear.next();
    await other.query("NOTIFY punctual, 'something else'; NOTIFY punctual, '10'");
    assert.equal(await heard, 10);
    assert.deepEqual(ear.heard, [10]);
  });

  it('never throw and do not press a server that is away', async (t) => {
    const port = await freePort();
    const attempts: number[] = [];
    const wakeups = open(t, `postgres://user@127.0.0.1:${port}/punctual`);
    const server = createServer((socket) => {
      attempts.push(1);
      socket.destroy();
    });
    server.listen(port, '127.0.0.1');
    t.after(() => void server.close());
    for (let at = 0; at < 50; at++) {
      wakeups.ring(at);
      await sleep(5);
    }
    assert.equal(attempts.length, 1);
    await wakeups.close();
    wakeups.ring(1);
  });

  for (const what of ['in the middle of a ring', 'while nobody rings']) {
    it(`close though the network hangs ${what}`, async (t) => {
      const { url, other } = await scene(t);
      const network = await Network.open(t, url);
      const wakeups = open(t, network.url);
      new Ear(wakeups);
      await sessions(other, 1);
      network.hang();
      if (what.endsWith('ring')) wakeups.ring(1);
      const began = performance.now();
      await wakeups.close();
      assert.ok(performance.now() - began < 2_000);
      await wakeups.close();
    });
  }
});
