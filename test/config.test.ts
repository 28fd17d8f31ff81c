import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import ipaddr from 'ipaddr.js';
import { flagOf, loadConfig, type SettingName, settings } from '../src/config.ts';
import { destinationOf } from '../src/timer/destination.ts';
import type { PunctualError } from '../src/timer/errors.ts';
import { TargetGuard } from '../src/webhook/target-guard.ts';

const names = Object.keys(settings) as SettingName[];

function faultsOf(environment: Record<string, string>, flags: Record<string, string> = {}): string[] {
  try {
    loadConfig(environment, flags);
    return [];
  } catch (error) {
    return (error as PunctualError).faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
  }
}

test('without anything set, every setting has its default, as it is written in the table', () => {
  const config = loadConfig({}, {});
  for (const name of names) assert.deepEqual(config[name], settings[name].default, name);
  const written = Object.fromEntries(
    names
      .filter((name) => settings[name].defaultText !== 'none')
      .map((name) => [settings[name].env, settings[name].defaultText]),
  );
  assert.deepEqual(loadConfig(written, {}), config);
});

test('a flag wins over the environment, and an empty variable counts as not set', () => {
  assert.equal(loadConfig({ PORT: '1234' }, { port: '4321' }).port, 4321);
  assert.equal(loadConfig({ PORT: '' }, {}).port, 8080);
});

test('durations and sizes are read with their units', () => {
  const config = loadConfig({ HISTORY: '2d', LEASE: 'PT10S', BODY_BYTES_MAX: '1MiB', POLL_INTERVAL: '50ms' }, {});
  assert.deepEqual(
    [config.historyMs, config.leaseMs, config.bodyBytesMax, config.pollMs],
    [172_800_000, 10_000, 1_048_576, 50],
  );
});

test('all faults are reported at once, each by the name under which it was given', () => {
  assert.deepEqual(faultsOf({ PORT: '-1', LEASE: 'soon' }, { logLevel: 'loud' }), [
    'PORT is "-1"; allowed: 0 to 65535',
    '--log-level is "loud"; allowed: fatal | error | warn | info | debug | trace | silent',
    'LEASE is "soon"; allowed: 5s to 5m',
  ]);
});

test('settings that contradict each other are refused', () => {
  assert.deepEqual(faultsOf({ TIMEOUT: '10m', CALLS_MAX: '10', HORIZON: '100ms' }), [
    'TIMEOUT is longer than TIMEOUT_MAX',
    'POLL_INTERVAL is longer than HORIZON: timers would be late',
    'CALLS_PER_DESTINATION_MAX is more than CALLS_MAX',
  ]);
});

test('what contradicts another setting is reported with what is wrong by itself', () => {
  assert.deepEqual(faultsOf({ PORT: 'x', TIMEOUT: '10m' }), [
    'PORT is "x"; allowed: 0 to 65535',
    'TIMEOUT is longer than TIMEOUT_MAX',
  ]);
});

test("the database's password is not shown", () => {
  for (const faults of [
    faultsOf({ DATABASE_URL: 'oracle://u:secret@h/db' }),
    faultsOf({}, { databaseUrls: 'oracle://u:secret@h/db' }),
  ]) {
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /^(DATABASE_URL|--database-url) is not allowed .*; allowed: sqlite:PATH, /);
    assert.doesNotMatch(faults[0]!, /secret/);
  }
});

test('BLOCKED_TARGETS takes exactly what the guard can read', () => {
  assert.equal(faultsOf({ BLOCKED_TARGETS: 'loopback,nonsense' }).length, 1);
  const known = [ipaddr.IPv4, ipaddr.IPv6].flatMap(({ prototype }) =>
    Object.keys((prototype as unknown as { SpecialRanges: object }).SpecialRanges),
  );
  assert.ok(known.includes('linkLocal'));
  const kebab = known.map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  const entries = [
    '10.0.0.0/8',
    '10.0.0.0/33',
    'fc00::/7',
    '::1',
    '1.2.3',
    'example.com',
    'nonsense',
    'local-',
    ...kebab,
  ];
  for (const entry of entries) {
    const taken = faultsOf({ BLOCKED_TARGETS: entry }).length === 0;
    const read = () => new TargetGuard({ refuse: [entry] });
    if (taken) assert.doesNotThrow(read, entry);
    else assert.throws(read, entry);
  }
});

test("every cloud's metadata service is blocked unless told otherwise", () => {
  const guard = new TargetGuard({ refuse: loadConfig({}, {}).blockedTargets });
  for (const host of ['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200']) {
    assert.ok(guard.refusedLiteral(destinationOf(`http://${host}/`)), host);
  }
});

test('host names are given without ports', () => {
  assert.deepEqual(loadConfig({ HOSTS: 'timers.example, [fd00::1],10.0.0.7' }, {}).hosts, [
    'timers.example',
    '[fd00::1]',
    '10.0.0.7',
  ]);
  for (const wrong of ['timers.example:80', 'http://timers.example', 'a/b', '*']) {
    assert.equal(faultsOf({ HOSTS: wrong }).length, 1, wrong);
  }
});

test('docs/config.md has every setting as it is, and no other', async () => {
  const page = await readFile(new URL('../docs/config.md', import.meta.url), 'utf8');
  const documented = page.split('\n').filter((line) => line.startsWith('| `'));
  const actual = names.map((name) => {
    const { env, meaning, defaultText, allowed } = settings[name];
    return `| \`${env}\` | \`--${flagOf(name)}\` | ${defaultText} | ${allowed.replaceAll('|', 'or')} | ${meaning} |`;
  });
  assert.deepEqual(documented, actual);
});

test('DATABASE_URL keeps each database in its place, and an empty one in its own', () => {
  const { databaseUrls } = loadConfig({ DATABASE_URL: 'postgres://u@h/a,,mysql://u:p%2C@h:1/b' }, {});
  assert.deepEqual(databaseUrls, ['postgres://u@h/a', undefined, 'mysql://u:p%2C@h:1/b']);
  for (const wrong of [',', 'postgres://h', 'postgres://h/', 'sqlite:', 'a,b']) {
    assert.equal(faultsOf({ DATABASE_URL: wrong }).length, 1, wrong);
  }
  assert.match(faultsOf({ DATABASE_URL: 'sqlite:a,postgres://h/b' })[0]!, /several databases, of which one is a file/);
  assert.match(faultsOf({ DATABASE_URL: 'postgres://h/b', DRAIN_SHARDS: '1' })[0]!, /names 1, where/);
});

test("the original system's DB_ settings name a MySQL database, unless DATABASE_URL names one", () => {
  const original = { DB_HOST: 'timer-db', DB_USER: 'me', DB_PASSWORD: 'p@ss, word' };
  assert.deepEqual(loadConfig(original, {}).databaseUrls, ['mysql://me:p%40ss%2C%20word@timer-db:3306/timer_db']);
  const more = { ...original, DB_PORT: '3307', DB_NAME: 'other', DB_HOST: '::1' };
  assert.deepEqual(loadConfig(more, {}).databaseUrls, ['mysql://me:p%40ss%2C%20word@[::1]:3307/other']);
  const both = { ...original, DATABASE_URL: 'postgres://h/b' };
  assert.deepEqual(loadConfig(both, {}).databaseUrls, ['postgres://h/b']);
});

test('RECONNECT_WAIT_TIME is a duration, and counts seconds where it is a number alone', () => {
  assert.equal(loadConfig({ RECONNECT_WAIT_TIME: '2' }, {}).reconnectWaitMs, 2_000);
  assert.equal(loadConfig({ RECONNECT_WAIT_TIME: '250ms' }, {}).reconnectWaitMs, 250);
});
