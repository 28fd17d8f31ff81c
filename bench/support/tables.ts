// Writes the tables of docs/performance.md anew from the figures beside it: npm run bench:tables
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spread, Standings } from './contest.ts';
import { spreadInWords, type Target } from './outcome.ts';

const docs = join(import.meta.dirname, '../../docs');
const document = join(docs, 'performance.md');
const figures = join(docs, 'performance');

/** As much of a bench's record as tables show. */
interface Recorded {
  readonly name: string;
  readonly standings: Standings;
  readonly targets: readonly Target[];
}

/**
 * A marker, then the table's two first lines, which are written by hand, then its rows. The marker names a record and the figures in its
 * columns, `<!-- create-sqlite: perSecond64, p50Ms64 -->`, or asks for all targets, `<!-- targets -->`.
 */
const table = /(<!-- ([\w-]+)(?:: ([\w, ]+))? -->\n\|.*\n\|.*\n)(?:\|.*\n)*/g;

const engines: Readonly<Record<string, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL', mysql: 'MariaDB' };
/** In this order targets are listed; a bench that has none is left out. */
const withTargets = ['create', 'drain', 'lateness', 'idle', 'capacity'];

/** The text with its tables' rows as the records have them. Throws where a marker names a record that is not there. */
export function withTables(text: string, records: ReadonlyMap<string, Recorded>): string {
  return text.replace(table, (_, head: string, name: string, columns: string | undefined) => {
    const rows =
      columns === undefined ? targetRows(records) : standingRows(recordOf(records, name), columns.split(', '));
    return head + rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  });
}

export function readRecords(folder: string): Map<string, Recorded> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const records = files.map((file): Recorded => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  return new Map(records.map((record) => [record.name, record]));
}

function recordOf(records: ReadonlyMap<string, Recorded>, name: string): Recorded {
  const record = records.get(name);
  if (!record) throw new Error(`docs/performance.md has a table of ${name}, of which there are no figures`);
  return record;
}

function standingRows({ standings }: Recorded, columns: readonly string[]): string[][] {
  return Object.entries(standings).map(([name, spreads]) => [name, ...columns.map((column) => cell(spreads[column]))]);
}

function targetRows(records: ReadonlyMap<string, Recorded>): string[][] {
  return withTargets.flatMap((bench) =>
    Object.entries(engines).flatMap(([engine, label]) =>
      (records.get(`${bench}-${engine}`)?.targets ?? []).map(({ what, asked, measured, met }) => [
        `${bench}, ${label}, ${what}`,
        asked,
        String(measured),
        met ? 'met' : '**missed**',
      ]),
    ),
  );
}

function cell(spread: Spread | undefined): string {
  return spread ? spreadInWords(spread, short) : '';
}

/** As many digits as such a figure is worth. */
function short(value: number): string {
  if (value >= 1_000) return (Math.round(value / 10) * 10).toLocaleString('en');
  if (value >= 100) return String(Math.round(value));
  return String(value < 2 ? Math.round(value * 100) / 100 : Math.round(value * 10) / 10);
}

if (import.meta.main) {
  writeFileSync(document, withTables(readFileSync(document, 'utf8'), readRecords(figures)));
}
