// What the documents say is what the program does.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readRecords, withTables } from '../bench/support/tables.ts';
import packageJson from '../package.json' with { type: 'json' };
import { statusByCode } from '../src/api/problem.ts';
import { settings } from '../src/config.ts';
import type { OpenApi } from './api/documented-answers.ts';
import { Harness } from './api/harness.ts';
import { bareMetrics } from './support/bare-metrics.ts';

const root = dirname(import.meta.dirname);
const read = (path: string) => readFile(join(root, path), 'utf8');

/** The cells of each row of a page's tables that begins with something in backticks, that without its backticks. */
function rowsOf(page: string): string[][] {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
      .map((cell, index) => (index === 0 ? cell.replaceAll('`', '') : cell)),
  );
}

/** README.md and the like, and everything in docs/; paths from the root. */
async function pagePaths(): Promise<string[]> {
  return Array.fromAsync(glob(['*.md', 'docs/**/*.md'], { cwd: root }));
}

/** Every match of the pattern's first group in any page, with the page that it is in. */
async function foundInPages(pattern: RegExp): Promise<{ path: string; text: string }[]> {
  const paths = await pagePaths();
  const found = paths.map(async (path) =>
    [...(await read(path)).matchAll(pattern)].map(([, text]) => ({ path, text: text! })),
  );
  return (await Promise.all(found)).flat();
}

test('docs/errors.md has every error code with its status, and no other', async () => {
  const documented = rowsOf(await read('docs/errors.md')).map(([code, status]) => [code!, Number(status)] as const);
  assert.deepEqual(Object.fromEntries(documented), statusByCode);
  assert.equal(documented.length, Object.keys(statusByCode).length, 'a code is there twice');
});

test('docs/errors.md says of each code what it means and what to do', async () => {
  for (const [code, , meaning, advice, ...more] of rowsOf(await read('docs/errors.md'))) {
    assert.ok(meaning && advice && more.length === 0, `the row of ${code}`);
  }
});

test('docs/api.md has every route of /openapi.json, and no other', async () => {
  const api = await Harness.start();
  try {
    const { paths } = (await api.get('/openapi.json')).json<OpenApi>();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const [, overview = ''] = (await read('docs/api.md')).split('|---|---|\n');
    const table = overview.slice(0, overview.indexOf('\n\n'));
    const documented = [...table.matchAll(/`([A-Z]+ \/[^`]*)`/g)].map(([, route]) => route!);
    assert.deepEqual(documented.sort(), routes.sort());
  } finally {
    await api.stop();
  }
});

test('docs/operating.md has every metric, and no other', async () => {
  const own = Array.from((await bareMetrics().text()).matchAll(/^# TYPE (punctual_\w+)/gm), ([, name]) => name!);
  const documented = rowsOf(await read('docs/operating.md')).map(([name]) => name!);
  assert.deepEqual(documented.filter((name) => name.startsWith('punctual_')).sort(), own.sort());
});

/** The lines that src/ logs, as `level message`, with what is filled into a message as `…`. */
async function loggedMessages(): Promise<string[]> {
  const paths = await Array.fromAsync(glob('src/**/*.ts', { cwd: root }));
  const texts = (await Promise.all(paths.map(read))).join('\n');
  const calls = texts.matchAll(/\blog(?:ger)?\.(trace|debug|info|warn|error)\([^;]*?(['"`])((?:(?!\2).)+)\2,?\s*\)/g);
  // What api/core/change.ts logs when a change is done.
  const changes = texts.matchAll(/\bdone: (['`])((?:(?!\1).)+)\1/g);
  const messages = [
    ...Array.from(calls, ([, level, , message]) => `${level} ${message}`),
    ...Array.from(changes, ([, , message]) => `info ${message}`),
  ];
  return messages.map((message) => message.replaceAll(/\$\{[^}]+\}/g, '…'));
}

test('docs/operating.md has every log message with its level, and no other', async () => {
  const rows = [...(await read('docs/operating.md')).matchAll(/^\| \d0 (\w+) \| (.+?) \|/gm)];
  const documented = rows.flatMap(([, level, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, message]) => `${level} ${message}`),
  );
  const logged = await loggedMessages();
  assert.ok(logged.length >= 20);
  const fits = (message: string, pattern: string) =>
    new RegExp(`^${pattern.split('…').map(RegExp.escape).join('\\w+')}$`).test(message);
  assert.deepEqual(
    logged.filter((pattern) => !documented.some((message) => fits(message, pattern))),
    [],
    'logged, and not documented',
  );
  assert.deepEqual(
    documented.filter((message) => !logged.some((pattern) => fits(message, pattern))),
    // Fastify's own.
    ['info Server listening at …'],
    'documented, and not logged',
  );
});

test("README.md's table of settings has names and defaults as they are", async () => {
  const defaults = new Map<string, string>(
    Object.values(settings).map(({ env, defaultText }) => [env, defaultText] as const),
  );
  const rows = rowsOf(await read('README.md')).filter(([name]) => /^[A-Z]/.test(name!));
  assert.ok(rows.length >= 10);
  for (const [name, value] of rows) assert.equal(value, defaults.get(name!), `the default of ${name}`);
});

test('every relative link of the pages leads to a file, and to a heading in it where it names one', async () => {
  const links = await foundInPages(/\]\(([^)]+)\)/g);
  const relative = links.filter(({ text }) => !/^[a-z]+:/.test(text));
  assert.ok(relative.length > 0);
  const broken: string[] = [];
  for (const { path, text } of relative) if (!(await leadsSomewhere(path, text))) broken.push(`${path}: ${text}`);
  assert.deepEqual(broken, []);
});

async function leadsSomewhere(from: string, link: string): Promise<boolean> {
  const [file, heading] = link.split('#') as [string, string | undefined];
  const target = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(root, target))) return false;
  return heading === undefined || (await anchorsOf(target)).has(heading);
}

/** The anchors that GitHub gives to the headings of a page. */
async function anchorsOf(path: string): Promise<Set<string>> {
  const headings = [...(await read(path)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every npm script that the pages name is there', async () => {
  const named = await foundInPages(/npm run ([\w:-]+)/g);
  assert.ok(named.length > 0);
  for (const { path, text } of named) assert.ok(text in packageJson.scripts, `${path}: npm run ${text}`);
});

test('the tables of docs/performance.md show the figures that lie beside it (npm run bench:tables)', async () => {
  const page = await read('docs/performance.md');
  assert.equal(withTables(page, readRecords(join(root, 'docs/performance'))), page);
});
