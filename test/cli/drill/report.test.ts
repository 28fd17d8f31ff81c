import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drillOptions } from '../../../src/cli/drill/options.ts';
import { type Outcome, reportJson, reportText } from '../../../src/cli/drill/report.ts';
import { judge } from '../../../src/cli/drill/verdict.ts';
import { type Drilled, drilled } from './drilled.ts';

const options = drillOptions({
  url: 'http://127.0.0.1:8080',
  timers: 1_000,
  seconds: 30,
  delivery: 'at-least-once',
  listen: { host: '127.0.0.1', port: 0 },
  patience: 60,
});

function outcomeOf(timers: readonly Drilled[], more: Partial<Outcome> = {}): Outcome {
  const offset = { min: -1, max: 1 };
  const stats = { accepted: 0, identityHolds: true, isPartial: false };
  const verdict = judge({
    timers: timers.map(drilled),
    othersAccepted: 0,
    offset,
    storeDoubtMs: 1,
    harmFrom: more.harm?.from,
    before: stats,
    after: { ...stats, accepted: timers.length },
  });
  const known = { options, tag: 'drill-1', verdict, offset, storeDoubtMs: 1, refusals: new Map() };
  return { ...known, stopped: undefined, harm: undefined, ...more };
}

const missed = (status: string) => Array.from({ length: 12 }, (_, at) => ({ id: `id-${at}`, calledAt: [], status }));

test('a pass says so at its end', () => {
  assert.match(reportText(outcomeOf([{}])), /\nPASS\n$/);
});

test('the report fits 80 columns, however many timers there are', () => {
  const many = Array.from({ length: 20_000 }, (_, at) => ({ calledAt: [10_000 + (at % 50) ** 2] }));
  const text = reportText(outcomeOf(many, { refusals: new Map([['connection', 1_234]]) }));
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
});

test('a fail names ten of the missed timers and their state, and how to find the open ones', () => {
  const text = reportText(outcomeOf(missed('waiting')));
  assert.equal(text.match(/id-\d+ {2}waiting/g)?.length, 10);
  assert.match(text, /and 2 more/);
  assert.match(text, /FAIL\n {2}12 accepted and not called\n.*--patience.*\n.*\/timers\?tag=drill-1/);
});

test('timers that have ended are not said to be open', () => {
  assert.doesNotMatch(reportText(outcomeOf(missed('failed'))), /--patience/);
});

test('harm is told with what the command wrote and how it ended', () => {
  const command = { exitCode: 3, isRunning: false, output: 'no such container\nsorry' };
  const text = reportText(
    outcomeOf([{}], { harm: { from: 9_000, until: 9_500, killed: [4242], gone: [4243], command } }),
  );
  assert.match(
    text,
    /killed: 4242\n {2}had ended before: 4243\n {2}the command ended with 3\n {4}no such container\n {4}sorry/,
  );
});

test('a stopped drill says neither pass nor fail', () => {
  const text = reportText(outcomeOf([{ calledAt: [], status: 'cancelled' }], { stopped: { cancelled: 1 } }));
  assert.match(text, /STOPPED\n {2}1 timers/);
  assert.doesNotMatch(text, /PASS|FAIL/);
});

test('the JSON is one line with the result, the figures and the missed timers', () => {
  const text = reportJson(outcomeOf([{}, { id: 'lost', calledAt: [], status: 'waiting' }]));
  assert.equal(text.trim().split('\n').length, 1);
  const report = JSON.parse(text);
  assert.deepEqual([report.result, report.accepted, report.received, report.missed], ['fail', 2, 1, 1]);
  assert.deepEqual(report.missed_timers, [{ id: 'lost', status: 'waiting', last_attempt: null }]);
  assert.equal(report.lateness_ms.histogram.length, 1);
});
