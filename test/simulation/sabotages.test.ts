import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sabotages } from './sabotages.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

for (const name of Object.keys(sabotages)) {
  test(`the simulator finds a service that was made to ${name}`, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--import', here('sabotage-hook.ts'), here('main.ts'), '--until-failed', '--seeds', '2000'];
    const { code, output } = await run(args, { ...env, SABOTAGE: name });
    assert.equal(code, 1, output);
    assert.match(output, /^seed \d+ at commit .*\n {2}\S/, output);
  });
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    });
  });
}
