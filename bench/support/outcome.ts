import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../test/support/report.ts';
import { type Chart, draw } from './chart.ts';
import type { Spread, Standings } from './contest.ts';

/** What was asked for, and what was measured: a share of a limit or of a peer, or a figure of its own. */
export interface Target {
  readonly what: string;
  readonly asked: string;
  readonly measured: number;
  readonly met: boolean;
}

/** What a bench found. */
export interface Outcome {
  /** Of the files: `create-sqlite`. */
  readonly name: string;
  readonly standings: Standings;
  readonly targets: readonly Target[];
  readonly charts: readonly Chart[];
  /** What must never be: timers lost, repeated or early. */
  readonly faults?: readonly string[];
}

/** Writes NAME.json and the charts (NAME.svg, NAME-2.svg …) into the folder, and gives the tables to print. */
export async function publish(outcome: Outcome, folder: string): Promise<Report> {
  const { name, standings, targets, charts, faults = [] } = outcome;
  await mkdir(folder, { recursive: true });
  const record = { name, at: new Date().toISOString(), machine: machine(), standings, targets, faults };
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  for (const [at, chart] of charts.entries())
    await writeFile(join(folder, at === 0 ? `${name}.svg` : `${name}-${at + 1}.svg`), draw(chart));
  return {
    figures: {},
    tables: {
      'Medians (lowest to highest)': tableOf(standings),
      Targets: Object.fromEntries(targets.map(({ what, ...target }) => [what, target])),
    },
    faults,
  };
}

/** A share, to be held against a target. */
export function atLeast(what: string, asked: number, measured: number): Target {
  return { what, asked: `≥ ${asked}`, measured: round(measured), met: measured >= asked };
}

export function atMost(what: string, asked: number, measured: number): Target {
  return { what, asked: `≤ ${asked}`, measured: round(measured), met: measured <= asked };
}

function machine(): object {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

/** The median, and the lowest and the highest round. */
export function spreadInWords({ median, min, max }: Spread, inDigits: (value: number) => string): string {
  return min === max ? inDigits(median) : `${inDigits(median)} (${inDigits(min)} to ${inDigits(max)})`;
}

function tableOf(standings: Standings): Record<string, Record<string, string>> {
  const words = (spread: Spread) => spreadInWords(spread, (value) => value.toLocaleString('en'));
  return Object.fromEntries(
    Object.entries(standings).map(([name, figures]) => [
      name,
      Object.fromEntries(Object.entries(figures).map(([figure, spread]) => [figure, words(spread)])),
    ]),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
