// The service as a person runs it: a process, a file, a port, real time.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { deployments } from '../support/deployments.ts';
import { get, post, untilStatus } from '../support/json.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { serveUntilExit, startService } from '../support/service.ts';

let folder: string;
let receiver: Receiver;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'punctual-e2e-'));
  receiver = await startReceiver();
});

after(async () => {
  await receiver.close();
  await rm(folder, { recursive: true });
});

const databasePath = (name: string) => join(folder, `${name}.db`);

for (const { name, unavailable, database } of await deployments()) {
  test(`${name}: a timer of one second calls its receiver once, not before its time, and goes from waiting to done`, {
    skip: unavailable,
  }, async (t) => {
    const service = await startService(await database(t));
    try {
      const { id, due_at } = await post(`${service.url}/timers`, { seconds: 1, url: `${receiver.url}/plain?x=1` });
      assert.equal((await get(`${service.url}/timers/${id}`)).status, 'waiting');
      await untilStatus(`${service.url}/timers/${id}`, 'done');
      const calls = receiver.requests.filter(({ path }) => path.startsWith(`/plain/${id}`));
      assert.deepEqual(
        calls.map(({ method, path }) => [method, path]),
        [['POST', `/plain/${id}?x=1`]],
      );
      assert.ok(calls[0]!.arrivedAt >= Date.parse(due_at), 'not early');
      assert.equal(calls[0]!.headers['webhook-id'], id);
      assert.equal(calls[0]!.headers['punctual-attempt'], '1');
    } finally {
      assert.equal(await service.end('SIGTERM'), 0);
    }
  });

  test(`${name}: the original's contract: POST /timer/ answers with id and time_left, GET /timer/{id} with the status`, {
    skip: unavailable,
  }, async (t) => {
    const service = await startService(await database(t));
    try {
      const created = await post(`${service.url}/timer/`, {
        hours: 0,
        minutes: 0,
        seconds: 3,
        url: `${receiver.url}/original`,
      });
      assert.deepEqual(Object.keys(created), ['id', 'time_left']);
      assert.equal(created.time_left, 3);
      const dueAt = Date.now() + 3_000;
      assert.deepEqual(await get(`${service.url}/timer/${created.id}`), {
        id: created.id,
        status: 'waiting',
        time_left: 3,
      });
      assert.deepEqual(await untilStatus(`${service.url}/timer/${created.id}/`, 'done'), {
        id: created.id,
        status: 'done',
        time_left: 0,
      });
      const calls = receiver.requests.filter(({ path }) => path.startsWith(`/original/${created.id}`));
      assert.deepEqual(
        calls.map(({ method, path }) => [method, path]),
        [['POST', `/original/${created.id}`]],
      );
      assert.ok(Math.abs(calls[0]!.arrivedAt - dueAt) < 1_000);
    } finally {
      await service.end('SIGTERM');
    }
  });

  test(`${name}: timers that came due while the service was down fire when it is up again`, {
    skip: unavailable,
  }, async (t) => {
    const options = await database(t);
    const first = await startService(options);
    const { id } = await post(`${first.url}/timers`, { delay: '300ms', url: `${receiver.url}/down` });
    await first.end('SIGKILL');
    await delay(400);
    const second = await startService(options);
    try {
      await untilStatus(`${second.url}/timers/${id}`, 'done');
      assert.equal(receiver.requests.filter(({ path }) => path === `/down/${id}`).length, 1);
    } finally {
      await second.end('SIGTERM');
    }
  });

  test(`${name}: SIGTERM lets the call on the wire end, writes what came of it, and ends with 0`, {
    skip: unavailable,
  }, async (t) => {
    const slow = await startReceiver({ behave: { delayMs: 800 } });
    const options = await database(t);
    const first = await startService(options);
    const { id } = await post(`${first.url}/timers`, { seconds: 0, url: slow.url });
    await slow.received(1);
    assert.equal(await first.end('SIGTERM'), 0);
    const second = await startService(options);
    try {
      assert.equal((await get(`${second.url}/timers/${id}`)).status, 'done');
      assert.equal(slow.requests.length, 1);
    } finally {
      await second.end('SIGINT');
      await slow.close();
    }
  });
}

test('what keeps the service from starting is said in one message, and the exit code is not 0', async () => {
  const noDatabase = databasePath('text');
  await writeFile(noDatabase, 'This is no database, and has never been one. '.repeat(100));
  const running = await startService({ databasePath: databasePath('taken') });
  const port = Number(new URL(running.url).port);
  try {
    const cases: [string, Parameters<typeof serveUntilExit>[0], RegExp][] = [
      ['a file that is no database', { databasePath: noDatabase }, /text\.db.*no(t a)? .*database/s],
      ['a folder that is not there', { databasePath: join(folder, 'nowhere', 'p.db') }, /nowhere/],
      ['a file that another Punctual has open', { databasePath: databasePath('taken') }, /taken\.db/],
      [
        'a port that is taken',
        { databasePath: databasePath('port'), port },
        /cannot listen on .*another program listens there/,
      ],
      [
        'wrong settings, all at once',
        { databasePath: databasePath('x'), env: { LEASE: '1s', HELD_MAX: 'many' }, args: ['--log-level', 'loud'] },
        /--log-level.*\n.*LEASE.*\n.*HELD_MAX/,
      ],
    ];
    for (const [name, options, message] of cases) {
      const { code, output } = await serveUntilExit(options);
      assert.equal(code, 1, `${name}: ${output}`);
      assert.match(output, message, name);
      assert.doesNotMatch(output, /\n\s+at /, `${name}: no stack trace`);
      assert.doesNotMatch(output, /is ready/, name);
    }
  } finally {
    await running.end('SIGTERM');
  }
});

test('a full database refuses creates with 503, keeps what it has, and fires it', async () => {
  const service = await startService({ databasePath: databasePath('full'), env: { DATABASE_BYTES_MAX: '2MiB' } });
  try {
    const early = await post(`${service.url}/timers`, { seconds: 2, url: `${receiver.url}/full` });
    const body = JSON.stringify({ hours: 1, url: receiver.url, body: 'x'.repeat(200_000) });
    let refused: Response | undefined;
    let accepted = 1;
    for (let n = 0; n < 50 && !refused; n++) {
      const reply = await fetch(`${service.url}/timers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (reply.status === 201) accepted += 1;
      else refused = reply;
    }
    assert.equal(refused?.status, 503);
    assert.equal(((await refused.json()) as { code: string }).code, 'store_full');
    assert.ok(refused.headers.get('retry-after'));
    await untilStatus(`${service.url}/timers/${early.id}`, 'done');
    const stats = (await (await fetch(`${service.url}/stats?audit=true`)).json()) as {
      accepted: number;
      identity_holds: boolean;
    };
    assert.equal(stats.accepted, accepted);
    assert.equal(stats.identity_holds, true);
  } finally {
    await service.end('SIGTERM');
  }
});
