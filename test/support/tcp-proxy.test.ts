import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { TcpProxy } from './tcp-proxy.ts';

/** A server that answers each message with as many as it is told, behind a proxy; and a client's connection through that. */
async function scene(context: TestContext) {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard.push(String(bytes));
      socket.write(`re:${bytes}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  context.after(() => {
    proxy.close();
    server.close();
  });
  const client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => undefined);
  context.after(() => void client.destroy());
  await once(client, 'connect');
  return { heard, proxy, client };
}

async function ask(client: Socket, text: string): Promise<string> {
  client.write(text);
  return String(await once(client, 'data'));
}

/** Asks, and waits for the end instead of an answer; gives what came nevertheless. */
async function askInVain(client: Socket, text: string): Promise<string> {
  let got = '';
  client.on('data', (bytes) => {
    got += bytes;
  });
  client.write(text);
  await once(client, 'close');
  return got;
}

test('what is sent passes, both ways, and late where that is wanted', async (t) => {
  const { proxy, client } = await scene(t);
  assert.equal(await ask(client, 'a'), 're:a');
  proxy.delayMs = 30;
  const from = performance.now();
  assert.equal(await ask(client, 'b'), 're:b');
  assert.ok(performance.now() - from >= 55);
});

test('a connection is cut instead of passing bytes on', async (t) => {
  const { proxy, client, heard } = await scene(t);
  proxy.rule = ({ to }) => (to === 'server' ? 'cut' : 'pass');
  assert.equal(await askInVain(client, 'a'), '');
  assert.deepEqual(heard, []);
});

test('a connection that is cut behind a request lets the server have it, and the client no answer', async (t) => {
  const { proxy, client, heard } = await scene(t);
  proxy.rule = ({ to }) => (to === 'server' ? 'pass-and-cut' : 'pass');
  assert.equal(await askInVain(client, 'a'), '');
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(heard, ['a']);
});

test('a connection that is cut in an answer gives the client the first half of it', async (t) => {
  const { proxy, client } = await scene(t);
  proxy.rule = ({ to }) => (to === 'client' ? 'pass-half-and-cut' : 'pass');
  assert.equal(await askInVain(client, 'abc'), 're:');
});

test('an answer that is held back is lost with the connection, after the server gave it', async (t) => {
  const { proxy, client, heard } = await scene(t);
  proxy.rule = ({ to }) => (to === 'client' ? 'hold-and-cut' : 'pass');
  assert.equal(await askInVain(client, 'a'), '');
  assert.deepEqual(heard, ['a']);
});

test('a network that hangs keeps what is sent, and passes it on when it goes on', async (t) => {
  const { proxy, client, heard } = await scene(t);
  proxy.hang();
  const answer = ask(client, 'a');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(heard, []);
  proxy.resume();
  assert.equal(await answer, 're:a');
});
