// The tests of the API run in memory by themselves. Here: on every engine that users run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { engines } from './support/servers/databases.ts';

const servers = await engines();

for (const { engine, unavailable } of [{ engine: 'sqlite', unavailable: false as const }, ...servers]) {
  test(`the API keeps its contract on ${engine}`, { skip: unavailable }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, ['--test', '--test-reporter=dot', 'test/api/*.test.ts'], {
      env: { ...env, TEST_ENGINE: engine },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code] = await once(child, 'close');
    assert.equal(code, 0, Buffer.concat(chunks).toString());
  });
}
