import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connections } from '../../../src/store/mysql/connections.ts';
import { migrate } from '../../../src/store/mysql/migrate.ts';
import { tripsOf } from '../../../src/store/mysql/transaction.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { freshDatabase } from '../../support/servers/databases.ts';
import type { TestContext } from '../conformance.ts';
import { type Ask, connectTo, parts, unavailable } from './scratch.ts';

interface Scene {
  readonly connections: Connections;
  /** A session of the test's own. */
  readonly ask: Ask;
  readonly url: string;
}

/** Connections to a database with a table `pairs` of two rows, 1 and 2, with value 0. */
async function openConnections(
  t: TestContext,
  change: Partial<ConstructorParameters<typeof Connections>[0]> = {},
): Promise<Scene> {
  const url = await freshDatabase('mysql', t);
  await migrate({ ...parts, url });
  const connections = new Connections({ ...parts, url, packetBytesMax: 1 << 20, ...change });
  t.after(() => connections.close());
  const ask = await connectTo(t, url);
  await ask(
    'CREATE TABLE pairs (id INT NOT NULL PRIMARY KEY, value INT NOT NULL) ENGINE = InnoDB',
    'INSERT INTO pairs VALUES (1, 0), (2, 0)',
  );
  return { connections, ask, url };
}

const add = (id: number) => `UPDATE pairs SET value = value + 1 WHERE id = ${id}`;
const values = async (ask: Ask) => (await ask('SELECT value FROM pairs ORDER BY id')).flat();
const kill = (ask: Ask, id: unknown) => ask(`KILL CONNECTION ${id}`);

/** Runs `action` once the server is in the middle of a statement that matches; waits for it by asking, not by time. */
async function whileRunning(ask: Ask, pattern: string, action: (id: unknown) => Promise<unknown>): Promise<void> {
  for (;;) {
    const [row] = await ask(
      `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '${pattern}' AND id <> CONNECTION_ID()`,
    );
    if (row) {
      await action(row[0]);
      return;
    }
  }
}

describe('a transaction on MySQL', { skip: unavailable }, () => {
  it('commits all that it ran, or rolls back all', async (t) => {
    const { connections, ask } = await openConnections(t);
    await connections.transaction(async (transaction) => {
      await transaction.run(add(1));
      await transaction.commit(add(2));
    });
    assert.deepEqual(await values(ask), [1, 1]);
    await connections.transaction((transaction) => transaction.run(add(1), add(2)));
    assert.deepEqual(await values(ask), [1, 1], 'what is not committed is rolled back');
    const failing = connections.transaction(async (transaction) => {
      await transaction.run(add(1));
      await transaction.commit(add(2), 'SELECT nonsense');
    });
    await assert.rejects(failing, { code: 'internal' });
    assert.deepEqual(await values(ask), [1, 1]);
  });

  it('runs at READ COMMITTED: it sees what others have committed since it began', async (t) => {
    const { connections, ask } = await openConnections(t);
    const look = 'SELECT value FROM pairs WHERE id = 1';
    const seen = await connections.transaction(async (transaction) => {
      const [before] = await transaction.run(look);
      await ask(add(1));
      const [after] = await transaction.run(look);
      return [before!.rows[0]![0], after!.rows[0]![0]];
    });
    assert.deepEqual(seen, [0, 1]);
  });

  it('sees one moment as a snapshot, whatever others commit', async (t) => {
    const { connections, ask } = await openConnections(t);
    const look = 'SELECT SUM(value) + 0e0 FROM pairs';
    const seen = await connections.snapshot(async (transaction) => {
      const [before] = await transaction.run(look);
      await ask(add(1));
      const [after] = await transaction.run(look);
      return [before!.rows[0]![0], after!.rows[0]![0]];
    });
    assert.deepEqual(seen, [0, 0]);
  });

  it('is run again from its beginning when it was the victim of a deadlock', async (t) => {
    const { connections, ask } = await openConnections(t);
    let runs = 0;
    let first = 0;
    const both = Promise.withResolvers<void>();
    const crossing = (one: number, other: number) =>
      connections.transaction(async (transaction) => {
        runs++;
        await transaction.run(add(one));
        // Each waits until the other has its first row, so that the first runs cross for certain.
        if (++first === 2) both.resolve();
        await both.promise;
        await transaction.run(add(other));
        await transaction.commit();
      });
    await Promise.all([crossing(1, 2), crossing(2, 1)]);
    assert.equal(runs, 3, 'one of them ran twice');
    assert.deepEqual(await values(ask), [2, 2]);
  });

  it('is given up as unavailable, with nothing done, when a lock never comes free', async (t) => {
    const { connections, ask } = await openConnections(t);
    await ask('START TRANSACTION', add(1));
    let runs = 0;
    const waiting = connections.transaction(async (transaction) => {
      runs++;
      await transaction.run('SET SESSION innodb_lock_wait_timeout = 0');
      await transaction.commit(add(2), add(1));
    });
    await assert.rejects(waiting, { code: 'store_unavailable', message: /Lock wait timeout/ });
    assert.equal(runs, 8);
    await ask('ROLLBACK');
    assert.deepEqual(await values(ask), [0, 0]);
  });

  it('is unavailable, with nothing done, when its connection is killed before the commit', async (t) => {
    const { connections, ask } = await openConnections(t);
    const killed = connections.transaction(async (transaction) => {
      const [, id] = await transaction.run(add(1), 'SELECT CONNECTION_ID()');
      await kill(ask, id!.rows[0]![0]);
      await transaction.commit(add(2));
    });
    // Nobody knows that the commit was never read; what was sent before it is known to be undone.
    await assert.rejects(killed, { code: 'commit_unknown' });
    const killedBefore = connections.transaction(async (transaction) => {
      const [, id] = await transaction.run(add(1), 'SELECT CONNECTION_ID()');
      await kill(ask, id!.rows[0]![0]);
      await transaction.run(add(2));
    });
    await assert.rejects(killedBefore, { code: 'store_unavailable' });
    assert.deepEqual(await values(ask), [0, 0]);
    await connections.write(add(1));
    assert.deepEqual(await values(ask), [1, 0], 'the next one works');
  });

  it('is of unknown outcome when its connection is killed during the commit', async (t) => {
    const { connections, ask } = await openConnections(t);
    const committing = connections.transaction((transaction) => transaction.commit(add(1), 'DO SLEEP(30)'));
    const [outcome] = await Promise.allSettled([committing, whileRunning(ask, '%SLEEP(30)%', (id) => kill(ask, id))]);
    assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'commit_unknown');
    const writing = connections.write(add(1), 'DO SLEEP(30)');
    const [written] = await Promise.allSettled([writing, whileRunning(ask, '%SLEEP(30)%', (id) => kill(ask, id))]);
    assert.equal(written.status === 'rejected' && written.reason.code, 'commit_unknown');
  });

  it('keeps what it sent out of what it throws', async (t) => {
    const { connections } = await openConnections(t);
    await assert.rejects(connections.read("SELECT nonsense, 'a secret'"), (error: Error) => {
      assert.doesNotMatch(JSON.stringify({ ...(error.cause as object) }), /a secret/);
      return true;
    });
  });

  it('travels in pieces that the server takes', async (t) => {
    const { connections, ask } = await openConnections(t, { packetBytesMax: 2_048 });
    const long = Array.from({ length: 10 }, () => `${add(1)} AND '${'x'.repeat(500)}' <> ''`);
    const answers = await connections.transaction((transaction) => transaction.commit(...long));
    assert.equal(answers.length, 10);
    assert.ok(answers.every(({ affected }) => affected === 1));
    assert.deepEqual(await values(ask), [10, 0]);
  });
});

describe('connections to MySQL', { skip: unavailable }, () => {
  it('never hold up a verb for longer than its answer may take', async (t) => {
    const clock = new FakeClock();
    const { connections, ask } = await openConnections(t, { clock });
    await connections.write(add(1));
    const hanging = connections.write('DO SLEEP(30)');
    const outcome = assert.rejects(hanging, { code: 'commit_unknown', message: /no answer within 10000 ms/ });
    await whileRunning(ask, '%SLEEP(30)%', () => clock.advance(10_000));
    await outcome;
    await connections.write(add(1));
    assert.deepEqual(await values(ask), [2, 0], 'the next one has another connection');
    const reading = assert.rejects(connections.read('SELECT SLEEP(31)'), { code: 'store_unavailable' });
    await whileRunning(ask, '%SLEEP(31)%', () => clock.advance(60_000));
    await reading;
  });

  it('refuse a verb for which none comes free in time', async (t) => {
    const clock = new FakeClock();
    // One for the clock, one for reads, one for writes.
    const { connections, ask } = await openConnections(t, { clock, connectionsMax: 3 });
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const first = connections.transaction(async (transaction) => {
      await transaction.run(add(1));
      begun.resolve();
      await goOn.promise;
      await transaction.commit();
    });
    await begun.promise;
    const refused = assert.rejects(connections.write(add(2)), { code: 'store_unavailable' });
    await clock.advance(5_000);
    await refused;
    goOn.resolve();
    await first;
    assert.deepEqual(await values(ask), [1, 0]);
    await connections.write(add(2));
    assert.deepEqual(await values(ask), [1, 1], 'the one that came too late was given back');
  });

  it('let reads wait for reads alone, and the clock for nothing', async (t) => {
    const { connections, ask } = await openConnections(t, { connectionsMax: 3 });
    const reading = connections.read('SELECT SLEEP(30)');
    const failed = assert.rejects(reading, { code: 'store_unavailable' });
    await whileRunning(ask, '%SLEEP(30)%', async (id) => {
      await connections.write(add(1));
      await connections.look('SELECT 1');
      await connections.askClock('SELECT 1');
      await kill(ask, id);
    });
    await failed;
  });

  it('finish on close what is under way, and refuse the rest', async (t) => {
    const { connections, ask } = await openConnections(t);
    const last = connections.write(add(1), 'DO SLEEP(0.05)', add(1));
    await Promise.all([connections.close(), connections.close()]);
    await last;
    assert.deepEqual(await values(ask), [2, 0]);
    await assert.rejects(connections.write(add(1)), { code: 'store_unavailable', message: /closed/ });
    const others = 'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()';
    // The server takes a moment to notice.
    while ((await ask(others)).length > 0);
  });

  it('are let go of by the server soon, where they write and their machine is cut off', async (t) => {
    const { connections } = await openConnections(t);
    const look = 'SELECT @@SESSION.wait_timeout, @@SESSION.innodb_lock_wait_timeout, @@SESSION.sql_mode';
    const [write] = await connections.look(look);
    const [waitSeconds, lockSeconds, sqlMode] = write!.rows[0] as [number, number, string];
    assert.ok(waitSeconds <= 20);
    assert.ok(lockSeconds <= 5);
    assert.match(sqlMode, /STRICT_ALL_TABLES/);
    assert.doesNotMatch(sqlMode, /BACKSLASH|QUOTES/);
  });
});

describe('round trips', () => {
  it('hold as many statements as fit, in order, and at least one', () => {
    assert.deepEqual(tripsOf(['aaa', 'bbb', 'ccc'], 10), [['aaa', 'bbb'], ['ccc']]);
    assert.deepEqual(tripsOf(['aaa', 'x'.repeat(99), 'ccc'], 10), [['aaa'], ['x'.repeat(99)], ['ccc']]);
    assert.deepEqual(tripsOf(['é'.repeat(4), 'b'], 10), [['éééé'], ['b']]);
    assert.deepEqual(tripsOf([], 10), []);
  });
});
