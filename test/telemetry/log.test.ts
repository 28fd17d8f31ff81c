import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const logModule = new URL('../../src/telemetry/log.ts', import.meta.url).href;
const mebibyte = 1024 * 1024;

/** Writes 64 MiB of lines, says so on standard error, and ends once standard input does. */
const program = (format: string) => `
  import { createLogger } from '${logModule}';
  const log = createLogger({ level: 'info', format: '${format}' });
  const line = 'x'.repeat(${mebibyte});
  let written = 0;
  const write = () => {
    log.info(line);
    if (++written < 64) setImmediate(write);
    else process.stderr.write('written');
  };
  write();
  process.stdin.resume();
`;

for (const format of ['json', 'pretty']) {
  test(`while nobody reads the log (${format}), lines beyond 16 MiB are dropped instead of kept in memory`, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(format)], { stdio: 'pipe' });
    await once(child.stderr, 'data');
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    child.stdin.end();
    await once(child, 'close');
    assert.ok(bytes > 8 * mebibyte, `${bytes} bytes arrived`);
    assert.ok(bytes < 20 * mebibyte, `${bytes} bytes arrived`);
  });
}
