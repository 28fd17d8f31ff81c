import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, type Socket } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { destinationOf } from '../../src/timer/destination.ts';
import type { OutcomeKind } from '../../src/timer/outcome.ts';
import { methods, type Spec, type Timer } from '../../src/timer/timer.ts';
import { HttpSender } from '../../src/webhook/http-sender.ts';
import type { Sent } from '../../src/webhook/sender.ts';
import { TargetGuard } from '../../src/webhook/target-guard.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Receiver, type ReceiverOptions, startReceiver } from '../support/receiver.ts';
import { aSpec, aTimer } from '../support/timers.ts';
import { selfSigned } from './self-signed.ts';

interface Setup {
  readonly lookup?: LookupFunction;
  readonly refuse?: readonly string[];
  readonly connectionsPerDestination?: number;
}

/** A sender on a clock that stands still, closed after the test. */
function aSender(t: TestContext, setup: Setup = {}) {
  const clock = new FakeClock();
  const guard = new TargetGuard({ refuse: setup.refuse ?? [], ...(setup.lookup ? { lookup: setup.lookup } : {}) });
  const { connectionsPerDestination = 64 } = setup;
  const sender = new HttpSender({ clock, guard, version: '1.2.3', connectionsPerDestination });
  t.after(() => sender.close());
  return {
    clock,
    sender,
    send(spec: Partial<Spec> & { url: string }, change: Partial<Timer> = {}, number = 1, mayLeave = () => true) {
      const timer = aTimer(clock.now(), { spec: aSpec(spec), dueAt: clock.now(), ...change });
      return sender.send({ timer, destination: destinationOf(timer.spec.url), number, mayLeave });
    },
  };
}

async function aReceiver(t: TestContext, options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = await startReceiver(options);
  t.after(() => receiver.close());
  return receiver;
}

/** A server that speaks no protocol: hands every chunk that arrives to `onData`. */
async function aRawServer(t: TestContext, onData: (socket: Socket, chunk: string, number: number) => void) {
  const chunks: string[] = [];
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      chunks.push(chunk.toString('latin1'));
      onData(socket, chunk.toString('latin1'), chunks.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, chunks, sockets, connections: () => connections };
}

async function aClosedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function resolvesTo(address: string): LookupFunction {
  return (_, options, callback) =>
    options.all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4);
}

function assertOutcome(sent: Sent, outcome: OutcomeKind, error: string | null): void {
  assert.deepEqual({ outcome: sent.attempt.outcome, error: sent.attempt.error }, { outcome, error });
}

/** Resolves when the event loop has gone round often enough for sockets of this machine to have been heard. */
async function quiet(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30));
}

describe('the request', () => {
  test('goes to the URL with the id appended, with the timer’s own headers and body beside Punctual’s', async (t) => {
    const receiver = await aReceiver(t);
    const { send, clock } = aSender(t);
    const timer = aTimer(clock.now());
    await send(
      {
        url: `${receiver.url}/hook?q=1`,
        headers: { 'content-type': 'application/json', 'x-own': 'grün' },
        body: '{"ä":1}',
      },
      { id: timer.id },
      3,
    );
    const [request] = receiver.requests;
    assert.equal(request?.method, 'POST');
    assert.equal(request?.path, `/hook/${timer.id}?q=1`);
    assert.equal(request?.body, '{"ä":1}');
    const { host, connection, ...headers } = request!.headers;
    assert.deepEqual(headers, {
      'webhook-id': timer.id,
      'webhook-timestamp': String(clock.now() / 1000),
      'punctual-attempt': '3',
      'punctual-due-at': '2026-01-01T00:00:00.000Z',
      'accept-encoding': 'identity',
      'user-agent': 'Punctual/1.2.3',
      'content-type': 'application/json',
      'content-length': '8',
      'x-own': 'grün',
    });
  });

  test('keeps the user-agent that the timer sets', async (t) => {
    const receiver = await aReceiver(t);
    await aSender(t).send({ url: `${receiver.url}/`, headers: { 'user-agent': 'mine' } });
    assert.equal(receiver.requests[0]?.headers['user-agent'], 'mine');
  });

  for (const method of methods) {
    test(`is a ${method} when the timer says so`, async (t) => {
      const receiver = await aReceiver(t);
      assertOutcome(await aSender(t).send({ url: `${receiver.url}/`, method }), 'delivered', null);
      assert.equal(receiver.requests[0]?.method, method);
    });
  }

  test('goes over connections that are kept open', async (t) => {
    const server = await aRawServer(t, (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
    const { send } = aSender(t);
    for (let call = 0; call < 20; call++) await send({ url: server.url });
    // One is not free again yet when its call ends, so that calls one after the other take turns on two.
    assert.equal(server.connections(), 2);
  });
});

test('a destination gets no more connections than it may have', async (t) => {
  const server = await aRawServer(t, (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
  const { send } = aSender(t, { connectionsPerDestination: 3 });
  await Promise.all(Array.from({ length: 30 }, () => send({ url: server.url })));
  assert.equal(server.connections(), 3);
});

test('an attempt begins when its request is written, not when its connection is begun', async (t) => {
  const receiver = await aReceiver(t);
  const lookup: LookupFunction = async (...query) => {
    await clock.advance(40);
    resolvesTo('127.0.0.1')(...query);
  };
  const { send, clock } = aSender(t, { lookup });
  const begunAt = clock.now();
  const { attempt } = await send({ url: `${receiver.url.replace('127.0.0.1', 'slow.test')}/` });
  assert.deepEqual([attempt.outcome, attempt.startedAt, attempt.durationMs], ['delivered', begunAt + 40, 0]);
});

test('a call that ended leaves no alarm behind', async (t) => {
  const receiver = await aReceiver(t);
  const { send, clock } = aSender(t);
  let alarms = 0;
  clock.after = () => {
    alarms++;
    return () => alarms--;
  };
  await send({ url: `${receiver.url}/` });
  assert.equal(alarms, 0);
});

describe('delivered', () => {
  for (const status of [200, 201, 202, 204, 299]) {
    test(`is any 2xx: ${status}`, async (t) => {
      const receiver = await aReceiver(t, { behave: { status } });
      const sent = await aSender(t).send({ url: `${receiver.url}/` });
      assertOutcome(sent, 'delivered', null);
      assert.equal(sent.attempt.status, status);
    });
  }

  test('says when the call began, how long it took, and how the response begins', async (t) => {
    const receiver = await aReceiver(t, { behave: { hang: true } });
    const { send, clock } = aSender(t);
    const server = await aRawServer(t, async (socket) => {
      await clock.advance(25);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    });
    const startedAt = clock.now();
    const { attempt } = await send({ url: server.url }, {}, 2);
    assert.equal(receiver.requests.length, 0);
    assert.deepEqual(attempt, {
      number: 2,
      outcome: 'delivered',
      startedAt,
      durationMs: 25,
      status: 200,
      error: null,
      response: 'hello',
    });
  });

  test('is settled a second after the head when the body drips on, and the connection is closed', async (t) => {
    const { send, clock } = aSender(t);
    let dripping = () => {};
    const started = new Promise<void>((resolve) => (dripping = resolve));
    const server = await aRawServer(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx', dripping);
    });
    const sending = send({ url: server.url });
    await started;
    await quiet();
    await clock.advance(999);
    for (const socket of server.sockets) socket.write('y');
    await quiet();
    const closed = Promise.all(Array.from(server.sockets, (socket) => once(socket, 'close')));
    await clock.advance(1);
    const sent = await sending;
    assertOutcome(sent, 'delivered', null);
    assert.deepEqual([sent.attempt.response, sent.attempt.durationMs], ['xy', 1_000]);
    await closed;
  });

  test('waits for the body no longer than until the deadline', async (t) => {
    const { send, clock } = aSender(t);
    let dripping = () => {};
    const started = new Promise<void>((resolve) => (dripping = resolve));
    const server = await aRawServer(t, async (socket) => {
      await clock.advance(900);
      socket.write('HTTP/1.1 500 Oh\r\ncontent-length: 100\r\n\r\nx', dripping);
    });
    const sending = send({ url: server.url, timeoutMs: 1_000 });
    await started;
    await quiet();
    await clock.advance(100);
    const sent = await sending;
    assertOutcome(sent, 'rejected', 'answered with status 500');
    assert.equal(sent.attempt.durationMs, 1_000);
  });

  test('sets no alarm for a body that comes with its head, and takes back the one for a body that comes later', async (t) => {
    for (const [parts, alarmsExpected] of [
      [['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'], 1],
      [['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh', 'i'], 2],
    ] as const) {
      const server = await aRawServer(t, async (socket) => {
        for (const part of parts) {
          socket.write(part);
          await quiet();
        }
      });
      const { send, clock } = aSender(t);
      let alarms = 0;
      let open = 0;
      clock.after = () => {
        alarms++;
        open++;
        return () => open--;
      };
      assert.equal((await send({ url: server.url })).attempt.response, 'hi');
      await quiet();
      assert.deepEqual({ alarms, open }, { alarms: alarmsExpected, open: 0 });
    }
  });

  for (const [what, end] of [
    ['ends early', (socket: Socket) => socket.end()],
    ['is reset', (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 20)],
    ['is broken', (socket: Socket) => socket.write('garbage\r\n')],
  ] as const) {
    test(`stays delivered when the body ${what}`, async (t) => {
      const server = await aRawServer(t, (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', () => end(socket));
      });
      const sent = await aSender(t).send({ url: server.url });
      assertOutcome(sent, 'delivered', null);
      assert.equal(sent.attempt.response, 'abc');
    });
  }

  test('is not an informational response: the real one follows', async (t) => {
    const server = await aRawServer(t, (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n');
    });
    assertOutcome(await aSender(t).send({ url: server.url }), 'rejected', 'answered with status 500');
  });

  test('goes over TLS to a receiver whose certificate is trusted', async (t) => {
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, selfSigned.cert]);
    t.after(() => setDefaultCACertificates(trusted));
    const receiver = await aReceiver(t, { tls: selfSigned });
    const url = receiver.url.replace('127.0.0.1', 'receiver.test');
    const sent = await aSender(t, { lookup: resolvesTo('127.0.0.1') }).send({ url: `${url}/` });
    assertOutcome(sent, 'delivered', null);
  });
});

describe('rejected', () => {
  for (const status of [400, 404, 410, 500, 503]) {
    test(`is ${status}`, async (t) => {
      const receiver = await aReceiver(t, { behave: { status, body: 'no' } });
      const sent = await aSender(t).send({ url: `${receiver.url}/` });
      assertOutcome(sent, 'rejected', `answered with status ${status}`);
      assert.deepEqual([sent.attempt.status, sent.attempt.response], [status, 'no']);
    });
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`is ${status}, which is not followed`, async (t) => {
      const receiver = await aReceiver(t, { behave: { status, headers: { location: '/elsewhere' } } });
      const sent = await aSender(t).send({ url: `${receiver.url}/` });
      await quiet();
      assertOutcome(sent, 'rejected', `answered with status ${status} (redirects are not followed)`);
      assert.equal(receiver.requests.length, 1);
    });
  }

  for (const [status, value, expected] of [
    [429, '7', 7_000],
    [503, '0', 0],
    [503, 'Thu, 01 Jan 2026 00:01:30 GMT', 90_000],
    [429, 'Wed, 31 Dec 2025 23:00:00 GMT', 0],
    [503, 'soon', undefined],
    [503, '-1', undefined],
    [503, 'Thu, 01 Foo 2026 00:01:30 GMT', undefined],
    [500, '7', undefined],
  ] as const) {
    test(`with ${status} and Retry-After: ${value} asks to wait ${expected} ms`, async (t) => {
      const receiver = await aReceiver(t, { behave: { status, headers: { 'retry-after': value } } });
      assert.equal((await aSender(t).send({ url: `${receiver.url}/` })).retryAfterMs, expected);
    });
  }
});

describe('unreachable', () => {
  test('is a name that does not exist', async (t) => {
    const lookup: LookupFunction = (_, __, callback) =>
      callback(Object.assign(new Error('getaddrinfo ENOTFOUND secret.test'), { code: 'ENOTFOUND' }), '', 0);
    const sent = await aSender(t, { lookup }).send({ url: 'http://secret.test/' });
    assertOutcome(sent, 'unreachable', 'the name was not found');
  });

  test('is a look-up that does not end before the deadline', async (t) => {
    const { send, clock } = aSender(t, { lookup: () => {} });
    const sending = send({ url: 'http://slow.test/', timeoutMs: 3_000 });
    await clock.advance(3_000);
    assertOutcome(await sending, 'unreachable', 'no connection within 3 s');
  });

  test('is a refused connection', async (t) => {
    const sent = await aSender(t).send({ url: `http://127.0.0.1:${await aClosedPort()}/` });
    assertOutcome(sent, 'unreachable', 'connection refused');
    assert.deepEqual([sent.attempt.status, sent.attempt.response], [null, null]);
  });

  test('is a certificate that is not trusted', async (t) => {
    const receiver = await aReceiver(t, { tls: selfSigned });
    const sent = await aSender(t).send({ url: `${receiver.url}/` });
    assertOutcome(sent, 'unreachable', 'TLS failed: the certificate is self-signed');
    assert.equal(receiver.requests.length, 0);
  });

  test('is a server that speaks no TLS', async (t) => {
    const server = await aRawServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const sent = await aSender(t).send({ url: server.url.replace('http:', 'https:') });
    assert.equal(sent.attempt.outcome, 'unreachable');
    assert.match(sent.attempt.error ?? '', /^TLS failed/);
  });

  test('is a connection reset during the TLS handshake', async (t) => {
    const server = await aRawServer(t, (socket) => socket.resetAndDestroy());
    const sent = await aSender(t).send({ url: server.url.replace('http:', 'https:') });
    assertOutcome(sent, 'unreachable', 'connection reset before anything was sent');
  });

  test('is a TLS handshake that does not end before the deadline, and nothing is sent when it ends later', async (t) => {
    let greeted = () => {};
    const hello = new Promise<void>((resolve) => (greeted = resolve));
    const server = await aRawServer(t, () => greeted());
    const { send, clock } = aSender(t);
    const sending = send({ url: server.url.replace('http:', 'https:') });
    await hello;
    await clock.advance(15_000);
    assertOutcome(await sending, 'unreachable', 'no connection within 15 s');
  });

  test('stays unreachable when the connection comes after the deadline: the request is not sent then', async (t) => {
    const receiver = await aReceiver(t);
    let answer = () => {};
    const lookup: LookupFunction = (_, __, callback) => {
      answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    const { send, clock } = aSender(t, { lookup });
    const url = `${receiver.url.replace('127.0.0.1', 'late.test')}/`;
    const sending = send({ url });
    await clock.advance(15_000);
    assertOutcome(await sending, 'unreachable', 'no connection within 15 s');
    answer();
    await quiet();
    assert.equal(receiver.requests.length, 0);
    assertOutcome(await send({ url }), 'delivered', null);
    assert.equal(receiver.requests.length, 1);
  });

  test('and no attempt is a call whose leave is refused when the connection stands', async (t) => {
    const receiver = await aReceiver(t);
    const { send } = aSender(t);
    const sent = await send({ url: `${receiver.url}/` }, {}, 1, () => false);
    assert.equal(sent.withheld, true);
    assert.equal(receiver.requests.length, 0);
    const next = await send({ url: `${receiver.url}/` });
    assert.equal(next.withheld, undefined);
    assertOutcome(next, 'delivered', null);
  });

  test('is a sender that has been closed', async (t) => {
    const { send, sender } = aSender(t);
    await sender.close();
    assertOutcome(await send({ url: 'http://127.0.0.1:9/' }), 'unreachable', 'the sender is closed');
  });

  test('is a request that HTTP cannot carry', async (t) => {
    const sent = await aSender(t).send({ url: 'http://127.0.0.1:9/', headers: { 'x-bad': 'a\nb' } });
    assertOutcome(sent, 'unreachable', 'the call cannot be written as an HTTP request');
  });
});

describe('unknown', () => {
  for (const reset of ['before-body', 'after-body'] as const) {
    test(`is a connection reset ${reset}`, async (t) => {
      const receiver = await aReceiver(t, { behave: { reset } });
      const sent = await aSender(t).send({ url: `${receiver.url}/`, body: 'x'.repeat(1_000) });
      assertOutcome(sent, 'unknown', 'connection reset before the answer was complete');
      assert.equal(receiver.requests.length, 1);
    });
  }

  for (const [what, answer, error] of [
    ['the end of the connection', '', 'connection closed before the answer was complete'],
    ['half a status line', 'HTTP/1.1 20', 'connection closed before the answer was complete'],
    ['a head without end', 'HTTP/1.1 200 OK\r\nx-a: b\r\n', 'connection closed before the answer was complete'],
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'the answer is not HTTP'],
    ['a status that HTTP does not have', 'HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n', 'the answer is not HTTP'],
    [
      '100 Continue, unasked,',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      'the receiver sent 100 Continue unasked, which the HTTP client does not bear',
    ],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Up\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'connection closed before the answer was complete',
    ],
    ['huge headers', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`, "the answer's headers are too large"],
  ] as const) {
    test(`is ${what} for an answer`, async (t) => {
      const server = await aRawServer(t, (socket) => socket.end(answer));
      const sent = await aSender(t).send({ url: server.url });
      assert.equal(sent.attempt.outcome, 'unknown');
      assert.equal(sent.attempt.status, null);
      assert.equal(sent.attempt.error, error);
    });
  }

  test('is an answer that is not HTTP, after which the next call gets its own answer', async (t) => {
    const server = await aRawServer(t, (socket, _, number) => {
      socket.write(number === 1 ? 'HTTP/1.1 099 Odd\r\n\r\n' : 'HTTP/1.1 204 No Content\r\n\r\n');
    });
    const { send } = aSender(t, { connectionsPerDestination: 1 });
    assertOutcome(await send({ url: server.url }), 'unknown', 'the answer is not HTTP');
    assertOutcome(await send({ url: server.url }), 'delivered', null);
  });

  test('is no answer before the deadline', async (t) => {
    const receiver = await aReceiver(t, { behave: { hang: true } });
    const { send, clock } = aSender(t);
    const sending = send({ url: `${receiver.url}/`, timeoutMs: 2_500 });
    await receiver.received(1);
    await clock.advance(2_500);
    const sent = await sending;
    assertOutcome(sent, 'unknown', 'no answer within 2.5 s');
    assert.equal(sent.attempt.durationMs, 2_500);
  });

  test('is a head that drips past the deadline: it counts from the start, not between bytes', async (t) => {
    const { send, clock } = aSender(t);
    const server = await aRawServer(t, (socket) => socket.write('HTTP/1.1 200 OK\r\n'));
    const sending = send({ url: server.url });
    while (server.chunks.length === 0) await quiet();
    for (let second = 0; second < 15; second++) {
      for (const socket of server.sockets) socket.write(`x-${second}: y\r\n`);
      await clock.advance(1_000);
    }
    assertOutcome(await sending, 'unknown', 'no answer within 15 s');
  });

  test('is no answer but an informational one before the deadline', async (t) => {
    const server = await aRawServer(t, (socket) => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'));
    const { send, clock } = aSender(t);
    const sending = send({ url: server.url });
    while (server.chunks.length === 0) await quiet();
    await clock.advance(15_000);
    assertOutcome(await sending, 'unknown', 'no answer within 15 s');
  });

  test('is not an answer that had come when the whole process was paused past the deadline', async (t) => {
    const { send, clock } = aSender(t);
    let ringDeadline = () => {};
    clock.after = (_, run) => {
      ringDeadline = run;
      return () => {};
    };
    const server = await aRawServer(t, (socket) => {
      socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      // The event loop, blocked, finds the deadline's alarm and the answer at the same time, and turns to alarms first.
      setTimeout(() => ringDeadline(), 1);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    });
    assertOutcome(await send({ url: server.url }), 'delivered', null);
  });

  for (const method of methods) {
    test(`is a kept connection that the server closes as a ${method} arrives, which is not sent again`, async (t) => {
      const server = await aRawServer(t, (socket, _, number) => {
        if (number === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        else socket.resetAndDestroy();
      });
      const { send } = aSender(t);
      await send({ url: server.url, method: 'POST' });
      const sent = await send({ url: server.url, method });
      await quiet();
      assertOutcome(sent, 'unknown', 'connection reset before the answer was complete');
      assert.equal(server.chunks.length, 2);
    });
  }

  for (const close of ['end', 'resetAndDestroy'] as const) {
    test(`is not a kept connection that the server closed (${close}) between two calls`, async (t) => {
      const server = await aRawServer(t, (socket, _, number) => {
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        if (number === 1) setTimeout(() => socket[close](), 5);
      });
      const { send } = aSender(t);
      await send({ url: server.url });
      await quiet();
      assertOutcome(await send({ url: server.url }), 'delivered', null);
      assert.equal(server.chunks.length, 2);
    });
  }
});

describe('blocked', () => {
  test('is an address in a refused range, to which no connection is made', async (t) => {
    const receiver = await aReceiver(t);
    const sent = await aSender(t, { refuse: ['loopback'] }).send({ url: `${receiver.url}/` });
    assertOutcome(sent, 'blocked', 'the target guard refuses addresses in loopback');
    assert.equal(receiver.requests.length, 0);
  });

  test('is a name that resolves to one', async (t) => {
    const setup = { refuse: ['link-local'], lookup: resolvesTo('169.254.169.254') };
    const sent = await aSender(t, setup).send({ url: 'http://metadata.test/' });
    assertOutcome(sent, 'blocked', 'the target guard refuses addresses in link-local');
  });

  test('is over TLS what it is without', async (t) => {
    const setup = { refuse: ['10.0.0.0/8'], lookup: resolvesTo('10.1.2.3') };
    const sent = await aSender(t, setup).send({ url: 'https://inside.test/' });
    assertOutcome(sent, 'blocked', 'the target guard refuses addresses in 10.0.0.0/8');
  });
});

describe('the response', () => {
  test('is kept up to 1,024 bytes, never cutting a character', async (t) => {
    const receiver = await aReceiver(t, { behave: { body: `x${'ä'.repeat(2_000)}` } });
    const { attempt } = await aSender(t).send({ url: `${receiver.url}/` });
    assert.equal(attempt.response, `x${'ä'.repeat(511)}`);
  });

  test('leaves no broken piece of a character at its end', async (t) => {
    const receiver = await aReceiver(t, { behave: { body: `x${'😀'.repeat(500)}` } });
    const { attempt } = await aSender(t).send({ url: `${receiver.url}/` });
    assert.equal(attempt.response, `x${'😀'.repeat(255)}`);
  });

  test('is kept as text: broken UTF-8 and NUL are replaced, within the same limit', async (t) => {
    const body = Buffer.concat([Buffer.from('a\0b'), Buffer.alloc(2_000, 0xff)]);
    const receiver = await aReceiver(t, { behave: { body } });
    const { attempt } = await aSender(t).send({ url: `${receiver.url}/` });
    assert.equal(attempt.response, `a\ufffdb${'\ufffd'.repeat(339)}`);
  });

  test('is null when it is empty', async (t) => {
    const receiver = await aReceiver(t, { behave: { status: 204, body: '' } });
    assert.equal((await aSender(t).send({ url: `${receiver.url}/` })).attempt.response, null);
  });

  test('is read up to 64 KiB; a longer one ends the call and its connection', async (t) => {
    let closed = () => {};
    const connectionClosed = new Promise<void>((resolve) => (closed = resolve));
    const server = await aRawServer(t, (socket) => {
      socket.on('close', closed);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n');
      socket.write('x'.repeat(70_000));
    });
    const sent = await aSender(t).send({ url: server.url });
    assertOutcome(sent, 'delivered', null);
    assert.equal(sent.attempt.response, 'x'.repeat(1_024));
    await connectionClosed;
  });

  test('of 64 KiB leaves the connection open for the next call', async (t) => {
    const server = await aRawServer(t, (socket) => {
      socket.write(`HTTP/1.1 500 Oh\r\ncontent-length: 65536\r\n\r\n${'x'.repeat(65_536)}`);
    });
    const { send } = aSender(t);
    for (let call = 0; call < 5; call++) await send({ url: server.url });
    assert.equal(server.connections(), 2);
  });
});

describe('close', () => {
  let receiver: Receiver;
  before(async () => {
    receiver = await startReceiver({ behave: { delayMs: 50 } });
  });
  after(() => receiver.close());

  test('lets what is on the wire come to its end', async (t) => {
    const { send, sender } = aSender(t);
    const sending = send({ url: `${receiver.url}/` });
    await receiver.received(1);
    await sender.close();
    assertOutcome(await sending, 'delivered', null);
  });
});

test('cutting off makes what is on the wire unknown, and what has no connection yet unreachable', async (t) => {
  const receiver = await aReceiver(t, { behave: { hang: true } });
  const { send, sender } = aSender(t, { lookup: () => {} });
  const onWire = send({ url: `${receiver.url}/` });
  const connecting = send({ url: 'http://never.test/' });
  await receiver.received(1);
  sender.cutOff();
  assertOutcome(await onWire, 'unknown', 'Punctual was stopped before the answer came');
  assertOutcome(await connecting, 'unreachable', 'Punctual was stopped before anything was sent');
});
