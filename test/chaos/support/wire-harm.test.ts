import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Link, type Passage, TcpProxy } from '../../support/tcp-proxy.ts';
import { strike, type WireHarm } from './wire-harm.ts';

const certain = { hits: (probability: number) => probability > 0 };
const nobody = { host: '127.0.0.1', port: 1 };

/** What becomes of bytes of one connection while the harm lasts. */
async function harmed(context: TestContext, harm: WireHarm) {
  const proxy = await TcpProxy.open(nobody);
  context.after(() => proxy.close());
  const heal = strike(proxy, harm, certain);
  const link = {} as Link;
  const passage = (to: 'server' | 'client', text: string): Passage =>
    proxy.rule({ to, bytes: Buffer.from(text, 'latin1'), link });
  return { heal, passage };
}

test('a lost commit is one that the server has answered: of MySQL the answer to a COMMIT', async (t) => {
  const { passage } = await harmed(t, { kind: 'lose-commit', chance: 1 });
  assert.equal(passage('server', 'SELECT 1'), 'pass');
  assert.equal(passage('client', '1'), 'pass');
  assert.equal(passage('server', 'INSERT INTO timers VALUES (1);COMMIT'), 'pass');
  assert.equal(passage('client', 'ok'), 'hold-and-cut');
});

test('a lost commit of PostgreSQL is also what says that a statement is complete, which may have committed by itself', async (t) => {
  const { passage } = await harmed(t, { kind: 'lose-commit', chance: 1 });
  assert.equal(passage('client', 'D\0\0\0\x0b\0\x01\0\0\0\x01aC\0\0\0\x0fINSERT 0 1\0'), 'hold-and-cut');
  assert.equal(passage('client', 'C\0\0\0\x0aBEGIN\0'), 'pass');
});

test('a request is cut behind, an answer in its middle, and nothing any more when the harm is over', async (t) => {
  const request = await harmed(t, { kind: 'cut-behind-request', chance: 1 });
  assert.deepEqual([request.passage('server', 'a'), request.passage('client', 'a')], ['pass-and-cut', 'pass']);
  const answer = await harmed(t, { kind: 'cut-in-answer', chance: 1 });
  assert.deepEqual([answer.passage('server', 'a'), answer.passage('client', 'a')], ['pass', 'pass-half-and-cut']);
  answer.heal();
  assert.equal(answer.passage('client', 'a'), 'pass');
});

test('what has no chance is not met', async (t) => {
  const { passage } = await harmed(t, { kind: 'cut-in-answer', chance: 0 });
  assert.equal(passage('client', 'a'), 'pass');
});
