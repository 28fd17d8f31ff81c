import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkerConnection } from '../../../src/store/sqlite/worker-connection.ts';
import { isStoreOutage } from '../../../src/timer/errors.ts';
import type { TestContext } from '../conformance.ts';

/** The verbs of the worker below. */
interface Verbs {
  /** Answers with how the worker was started. */
  started(): { pauseMs: number; expireLeases: boolean };
  /** Never answers. */
  hang(): void;
  /** Dies. */
  fail(): void;
}

const script = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', ([number, verb]) => {
      if (verb === 'fail') throw new Error('out of order');
      if (verb === 'hang') return;
      const answers = [[number, null, workerData]];
      parentPort.postMessage({ kind: 'answers', answers });
      if (verb === 'close') parentPort.close();
    });
    parentPort.postMessage({ kind: 'open' });
  `)}`,
);

async function connect(context: TestContext): Promise<WorkerConnection<Verbs>> {
  const data = { role: 'writer', path: '/some.db', pageCountMax: null, listRowsMax: 1 } as const;
  const connection = await WorkerConnection.open<Verbs>({
    script,
    data,
    lostCode: 'commit_unknown',
  });
  context.after(() => connection.close());
  return connection;
}

describe('a connection to a worker', () => {
  it('tells all who wait when the worker dies, refuses calls meanwhile, and finds a new worker', async (t) => {
    const connection = await connect(t);
    const before = await connection.call('started');
    assert.deepEqual([before.pauseMs, before.expireLeases], [0, true]);

    const waiting = [connection.call('hang'), connection.call('fail'), connection.call('hang')];
    for (const { reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[]) {
      assert.equal(reason.code, 'commit_unknown');
      assert.match(reason.message, /some\.db/);
    }
    await assert.rejects(connection.call('started'), { code: 'store_unavailable' });

    const after = await untilAnswered(connection);
    assert.ok(after.pauseMs > 0);
    assert.equal(after.expireLeases, false, 'the leases are those of this process');
  });

  it('closes while the worker is away', async (t) => {
    const connection = await connect(t);
    await assert.rejects(connection.call('fail'), { code: 'commit_unknown' });
    await connection.close();
    await assert.rejects(connection.call('started'), { code: 'store_unavailable' });
  });
});

/** Calls until a worker answers; a thread takes its own time to start. */
async function untilAnswered(connection: WorkerConnection<Verbs>): Promise<ReturnType<Verbs['started']>> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      return await connection.call('started');
    } catch (error) {
      assert.ok(isStoreOutage(error));
      await sleep(10);
    }
  }
  return assert.fail('no worker came back');
}
