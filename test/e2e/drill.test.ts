// The drill as a person runs it: against a service in a process of its own, which it may kill.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, type Service, type ServiceOptions, startService } from '../support/service.ts';

const binPath = fileURLToPath(new URL('../../bin/punctual', import.meta.url));

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'punctual-drill-test-'));
});

after(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function startDrill(args: readonly string[]) {
  const child = spawn(binPath, ['drill', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk) => {
      texts[name] += chunk;
    });
  }
  const ended = once(child, 'close').then(([code]): Ended => ({ code, ...texts }));
  return { child, ended };
}

function runDrill(...args: string[]): Promise<Ended> {
  return startDrill(args).ended;
}

async function withService(options: ServiceOptions, work: (service: Service) => Promise<void>): Promise<void> {
  const service = await startService(options);
  try {
    await work(service);
  } finally {
    await service.end('SIGKILL');
  }
}

const database = (name: string) => ({ databasePath: join(folder, `${name}.db`) });

test('a service that keeps its promises passes: the report is text, or JSON', () =>
  withService(database('pass'), async ({ url }) => {
    const few = ['--url', url, '--timers', '60', '--seconds', '1'];
    const [text, json] = await Promise.all([runDrill(...few), runDrill(...few, '--delivery', 'mixed', '--json')]);
    assert.equal(text.code, 0, text.stdout + text.stderr);
    assert.match(text.stdout, /received +60\n.*▇.*PASS/s);
    assert.ok(!`${text.stdout}${text.stderr}`.includes('\u001b'), 'no colours and no bar where there is no terminal');
    const report = JSON.parse(json.stdout);
    assert.deepEqual([json.code, report.result, report.received, report.missed], [0, 'pass', 60, 0]);
  }));

test('a service that is killed meanwhile and started again passes, with nothing missed', async () => {
  const where = { ...database('kill'), port: await freePort() };
  await withService(where, async ({ url, child }) => {
    const drill = startDrill([
      '--url',
      url,
      '--timers',
      '100',
      '--seconds',
      '2',
      '--kill',
      String(child.pid),
      '--json',
    ]);
    await once(child, 'exit');
    await withService(where, async () => {
      const { code, stdout, stderr } = await drill.ended;
      assert.equal(code, 0, stdout + stderr);
      const report = JSON.parse(stdout);
      assert.deepEqual([report.missed, report.received, report.harm.killed], [0, 100, [child.pid]]);
      assert.ok(report.creates_repeated.connection > 0, 'creates met the outage');
    });
  });
});

test('a service that is killed and never comes back fails, with what was missed', () =>
  withService(database('gone'), async ({ url, child }) => {
    const args = ['--timers', '100', '--seconds', '2', '--harm-after', '1', '--patience', '1'];
    const { code, stdout } = await runDrill(
      '--url',
      url,
      ...args,
      '--command',
      `kill -9 ${child.pid}; echo struck; exit 3`,
    );
    assert.equal(code, 1, stdout);
    assert.match(stdout, /the command ended with 3\n {4}struck/);
    assert.match(stdout, /missed +[1-9]/);
    assert.match(stdout, /[0-9a-f-]{36} {2}the service does not say/);
    assert.match(stdout, /FAIL/);
  }));

test('a drill that cannot be held ends with 2 and says what to do', () =>
  withService({ ...database('blocked'), env: { BLOCKED_TARGETS: 'loopback' } }, async ({ url }) => {
    const [wrong, nobody, blocked] = await Promise.all([
      runDrill('--timers', '0'),
      runDrill('--url', `http://127.0.0.1:${await freePort()}`),
      runDrill('--url', url),
    ]);
    assert.deepEqual([wrong.code, nobody.code, blocked.code], [2, 2, 2]);
    assert.match(wrong.stderr, /--timers .* from 1 to 100000/);
    assert.match(nobody.stderr, /No service to drill at .*ECONNREFUSED.*--url/);
    assert.match(blocked.stderr, /blocked: .*loopback.*BLOCKED_TARGETS/s);
  }));

test('Ctrl-C takes back what is still waiting, and ends with 130', () =>
  withService(database('stop'), async ({ url }) => {
    const { child, ended } = startDrill(['--url', url, '--timers', '200', '--seconds', '20', '--json']);
    await once(child.stderr!, 'data');
    await new Promise((resolve) => setTimeout(resolve, 800));
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 130, stdout + stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.result, report.missed], ['stopped', 0]);
    assert.ok(report.cancelled > 0);
    const stats = (await (await fetch(`${url}/stats`)).json()) as { waiting: number; cancelled: number };
    assert.deepEqual([stats.waiting, stats.cancelled], [0, report.cancelled]);
  }));
