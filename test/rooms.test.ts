import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

// That the real tree keeps the rules is what `npm run lint` checks. Here: that the rules would notice if it did not.

const root = dirname(import.meta.dirname);
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');

/** One finding of Biome: its text for people, since only there every rule gives its reason. */
interface Finding {
  readonly file: string;
  readonly rule: string;
  readonly text: string;
}

const importing = (path: string) => `import { a } from '${path}';\n\nexport const b = a;\n`;

const noRestrictedImports = 'lint/style/noRestrictedImports';
const noRestrictedGlobals = 'lint/style/noRestrictedGlobals';

/** Files that break a rule, with the rule and its reason. */
const offending: readonly { file: string; text: string; rule: string; reason: RegExp }[] = [
  ...(
    [
      ['src/timer/a.ts', '../clock/clock.ts', /timer\/ .* imports nothing outside itself, so that/],
      ['src/timer/b.ts', '../config.ts', /timer\/ .* imports nothing outside itself/],
      ['src/clock/a.ts', '../store/store.ts', /clock\/ imports timer\/ alone/],
      ['src/store/a.ts', '../clock/clock.ts', /store\/ imports timer\/ alone: engines get the time/],
      ['src/store/sqlite/a.ts', '../../clock/clock.ts', /store\/ imports timer\/ alone/],
      ['src/webhook/a.ts', '../store/store.ts', /webhook\/ imports timer\/ and clock\/ alone/],
      ['src/controller/a.ts', '../store/sqlite/sqlite-store.ts', /never an engine: that is what the simulator/],
      ['src/controller/b.ts', '../webhook/http-sender.ts', /never an engine/],
      ['src/controller/c.ts', '../api/server.ts', /controller\/ imports timer\/, clock\/ and the contracts/],
      ['src/api/a.ts', '../controller/controller.ts', /api\/ .* never an engine or the controller/],
      ['src/api/routes/a.ts', '../../store/memory/memory-store.ts', /api\/ .* never an engine/],
      ['src/api/batcher.ts', '../store/batcher.ts', /api\/ imports .* contract store\/store\.ts, never/],
      ['src/api/routes/b.ts', '../../app.ts', /api\/ imports timer\/, clock\//],
      ['src/app.ts', './cli/main.ts', /cli\/ calls them, not the other way round/],
    ] as const
  ).map(([file, path, reason]) => ({ file, text: importing(path), rule: noRestrictedImports, reason })),
  {
    file: 'src/timer/types.ts',
    text: "import type { A } from '../store/store.ts';\n\nexport type B = A;\n",
    rule: noRestrictedImports,
    reason: /imports nothing outside itself/,
  },
  {
    file: 'src/timer/again.ts',
    text: "export * from '../clock/clock.ts';\n",
    rule: noRestrictedImports,
    reason: /imports nothing outside itself/,
  },
  {
    file: 'src/timer/later.ts',
    text: "export const a = await import('../clock/clock.ts');\n",
    rule: noRestrictedImports,
    reason: /imports nothing outside itself/,
  },
  ...(
    [
      ['Date', 'Date.now()'],
      ['performance', 'performance.now()'],
      ['setTimeout', 'setTimeout(() => {}, 5)'],
      ['setInterval', 'setInterval(() => {}, 5)'],
    ] as const
  ).flatMap(([name, text]) =>
    ['timer', 'store', 'webhook', 'controller', 'api', 'cli'].map((room) => ({
      file: `src/${room}/time-${name}.ts`,
      text: `export const a = ${text};\n`,
      rule: noRestrictedGlobals,
      reason: /Only clock\/ reads time: take a Clock as an argument/,
    })),
  ),
  {
    file: 'src/controller/environment.ts',
    text: 'export const a = process.env.HOME;\n',
    rule: 'lint/style/noProcessEnv',
    reason: /process\.env/,
  },
];

/** Files that may do what they do. */
const allowed: Readonly<Record<string, string>> = {
  'src/timer/ok.ts': importing('./id.ts'),
  'src/clock/ok.ts': importing('../timer/id.ts'),
  'src/clock/time.ts': 'export const a = [Date.now(), performance.now(), setTimeout(() => {}, 5)];\n',
  'src/store/sqlite/ok.ts': importing('../../timer/timer.ts'),
  'src/store/sqlite/contract.ts': importing('../store.ts'),
  'src/webhook/ok.ts': importing('../clock/clock.ts'),
  'src/controller/ok.ts': importing('../store/store.ts'),
  'src/controller/batcher.ts': importing('../store/batcher.ts'),
  'src/controller/sender.ts': importing('../webhook/sender.ts'),
  'src/api/routes/ok.ts': importing('../../store/store.ts'),
  'src/cli/ok.ts': importing('../app.ts'),
  'src/cli/environment.ts': 'export const a = process.env.HOME;\n',
  'test/time.ts': 'export const a = Date.now();\n',
};

function lint(folder: string): Finding[] {
  const args = [biome, 'lint', '--colors=off', '--max-diagnostics=none', 'src', 'test'];
  const { stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  return stderr.split(/^(?=\S+:\d+:\d+ lint\/)/m).flatMap((text) => {
    const [, file, rule] = /^(\S+?):\d+:\d+ (\S+)/.exec(text) ?? [];
    return file && rule ? [{ file, rule, text: text.replaceAll(/\s+/g, ' ') }] : [];
  });
}

describe('the rules of the rooms', () => {
  let folder: string;
  let findings: readonly Finding[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'punctual-rooms-'));
    for (const name of ['biome.json', '.gitignore']) await cp(join(root, name), join(folder, name));
    const texts = [...offending.map(({ file, text }) => [file, text] as const), ...Object.entries(allowed)];
    for (const [file, text] of texts) {
      await mkdir(join(folder, dirname(file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    findings = lint(folder);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  for (const { file, text, rule, reason } of offending) {
    it(`say why not: ${text.trim().split('\n')[0]} in ${file}`, () => {
      const found = findings.filter((finding) => finding.file === file && finding.rule === rule);
      assert.equal(found.length, 1);
      assert.match(found[0]!.text, reason);
    });
  }

  for (const file of Object.keys(allowed)) {
    it(`have nothing against ${file}`, () => {
      assert.deepEqual(
        findings.filter((finding) => finding.file === file),
        [],
      );
    });
  }
});
