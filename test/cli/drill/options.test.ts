import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DrillFlags,
  drillOptions,
  header,
  httpUrl,
  integer,
  listenAddress,
  victim,
} from '../../../src/cli/drill/options.ts';

const flags: DrillFlags = {
  url: 'http://127.0.0.1:8080',
  timers: 1_000,
  seconds: 30,
  delivery: 'at-least-once',
  listen: { host: '127.0.0.1', port: 0 },
  patience: 60,
};

test('harm is done halfway unless told otherwise', () => {
  assert.equal(drillOptions(flags).harmAfter, 15);
  assert.equal(drillOptions({ ...flags, kill: [4242], harmAfter: 3 }).harmAfter, 3);
});

test('flags that do not fit each other are refused by name', () => {
  assert.throws(
    () => drillOptions({ ...flags, kill: [4242], harmAfter: 31 }),
    /--harm-after must be at most --seconds/,
  );
  assert.throws(() => drillOptions({ ...flags, harmAfter: 3 }), /--harm-after .* add --kill or --command/);
  assert.throws(
    () => drillOptions({ ...flags, listen: { host: '0.0.0.0', port: 9009 } }),
    /--listen 0\.0\.0\.0 .*--receiver-url/,
  );
  assert.throws(() => drillOptions({ ...flags, receiverUrl: 'https://drill.example' }), /--receiver-url names no port/);
});

test('the receiver listens on the port by which the service finds it, unless it is told another', () => {
  const receiverUrl = 'http://host.docker.internal:9009';
  assert.equal(drillOptions({ ...flags, receiverUrl }).listen.port, 9_009);
  assert.equal(drillOptions({ ...flags, receiverUrl, listen: { host: '0.0.0.0', port: 7_007 } }).listen.port, 7_007);
});

test('whole numbers are taken within their limits', () => {
  const read = integer(1, 3_600);
  assert.deepEqual([read('1'), read('3600')], [1, 3_600]);
  for (const wrong of ['0', '3601', '-1', '1.5', 'x', '', '1e2', ' 1'])
    assert.throws(() => read(wrong), /from 1 to 3600/);
});

test('addresses to listen on may have a port', () => {
  assert.deepEqual(listenAddress('0.0.0.0'), { host: '0.0.0.0', port: 0 });
  assert.deepEqual(listenAddress('drill.local:9009'), { host: 'drill.local', port: 9_009 });
  assert.deepEqual(listenAddress('[::1]:9009'), { host: '::1', port: 9_009 });
  assert.deepEqual(listenAddress('::1'), { host: '::1', port: 0 });
  for (const wrong of ['', 'a b', 'host:0', 'host:65536', 'host:x'])
    assert.throws(() => listenAddress(wrong), /HOST:PORT/);
});

test('URLs lose the slash at their end, and must be of HTTP', () => {
  assert.equal(httpUrl('http://127.0.0.1:8080/'), 'http://127.0.0.1:8080');
  assert.equal(httpUrl('https://example.com/timers-api/'), 'https://example.com/timers-api');
  for (const wrong of ['127.0.0.1:8080', 'ftp://a', 'http://me:secret@a', 'http://a?b'])
    assert.throws(() => httpUrl(wrong), /http or https/);
});

test('headers add up', () => {
  assert.deepEqual(header('X-Team: shop', header('Authorization: Bearer a:b')), {
    authorization: 'Bearer a:b',
    'x-team': 'shop',
  });
  for (const wrong of ['x', 'x:', 'a b: c', 'a: b\r\nc: d']) assert.throws(() => header(wrong), /Name: value/);
});

test('what is to be killed must be a process, and not the drill or what started it', () => {
  for (const wrong of ['0', '1', '-5', 'x', '1.5']) assert.throws(() => victim(wrong), /above 1/);
  assert.throws(() => victim(String(process.pid)), /drill itself/);
  assert.throws(() => victim(String(process.ppid)), /what started it/);
  assert.throws(() => victim('999999999'), /no such process/);
});
