import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allAnswers, NoHttp, takeAnswer } from './answers.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('taking an answer off a connection', () => {
  it('waits until it is whole', () => {
    const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    for (let length = 0; length < whole.length; length++) {
      assert.equal(takeAnswer(bytes(whole.slice(0, length))), undefined, `${length} bytes`);
    }
    const { answer, rest } = takeAnswer(bytes(`${whole}HTTP`))!;
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-length'), '2');
    assert.equal(answer.body, 'ok');
    assert.equal(rest.toString(), 'HTTP');
  });

  it('puts chunks together', () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    assert.equal(takeAnswer(bytes(`${head}2\r\nok\r\nA\r\n0123456789\r\n0\r\n\r\n`))!.answer.body, 'ok0123456789');
    assert.equal(takeAnswer(bytes(`${head}2\r\nok\r\n0\r\n`)), undefined);
  });

  it('takes none of a body after HEAD, 100 and 304, and all of one without a length', () => {
    const text = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n';
    assert.equal(takeAnswer(bytes(text), { toHead: true })!.answer.body, '');
    assert.equal(takeAnswer(bytes('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 '))!.rest.toString(), 'HTTP/1.1 ');
    assert.equal(takeAnswer(bytes('HTTP/1.1 200 OK\r\n\r\nall'), { ended: true })!.answer.body, 'all');
  });

  it('takes several one after the other', () => {
    const { answers, left } = allAnswers(
      bytes(`${'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2)}HTTP`),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [204, 400],
    );
    assert.equal(left, 0, 'one without a length goes on to the end');
  });

  const broken = {
    'no HTTP': 'SSH-2.0\r\n\r\n',
    'the beginning of no HTTP': 'SSH',
    'a header line without a name': 'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
    'a bare line feed in a header': 'HTTP/1.1 200 OK\r\nx: a\nb\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok',
    'a chunk that is longer than it says': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nokay\r\n',
  };
  for (const [name, text] of Object.entries(broken)) {
    it(`refuses ${name}`, () => assert.throws(() => takeAnswer(bytes(text)), NoHttp));
  }
});
