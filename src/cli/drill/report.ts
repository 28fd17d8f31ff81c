import type { Offset } from './clock-comparison.ts';
import type { HarmDone } from './harm.ts';
import type { Bucket, Lateness } from './lateness.ts';
import type { DrillOptions } from './options.ts';
import type { Verdict } from './verdict.ts';

/** A drill that is over, as it is told. */
export interface Outcome {
  readonly options: DrillOptions;
  readonly tag: string;
  readonly verdict: Verdict;
  /** Stopped by Ctrl-C: `cancelled` timers of those that were waiting were taken back. */
  readonly stopped: { readonly cancelled: number } | undefined;
  readonly offset: Offset | undefined;
  readonly storeDoubtMs: number;
  readonly harm: HarmDone | undefined;
  /** Answers after which a create was repeated, by their reason. */
  readonly refusals: ReadonlyMap<string, number>;
}

/** Colours words; without colours, gives them back. */
export type Paint = (style: 'green' | 'red' | 'bold', text: string) => string;

const missedShownMax = 10;
const barCharsMax = 44;

/** `pass`, `fail`, or `stopped` where it did not come to an end and nothing is wrong so far. */
export function resultOf({ verdict, stopped }: Outcome): 'pass' | 'fail' | 'stopped' {
  if (stopped) return 'stopped';
  return verdict.faults.length === 0 ? 'pass' : 'fail';
}

/** The report for people, at most 80 columns wide but for what others wrote. */
export function reportText(outcome: Outcome, paint: Paint = (_, text) => text): string {
  const { options, verdict, tag, harm } = outcome;
  const lines = [
    paint('bold', `${count(options.timers)} timers over ${options.seconds} s against ${options.url}`),
    `  to list them: GET /timers?tag=${tag}`,
    ...(harm ? harmLines(harm) : []),
    '',
    ...figureLines(outcome),
    ...missedLines(verdict),
    '',
    ...latenessLines(verdict),
    '',
    ...resultLines(outcome, paint),
  ];
  return `${lines.join('\n')}\n`;
}

function figureLines(outcome: Outcome): string[] {
  const { verdict, refusals } = outcome;
  const row = (name: string, value: number, remark = '') =>
    `  ${name.padEnd(10)}${count(value).padStart(8)}   ${remark}`.trimEnd();
  const refused = [...refusals].map(([why, times]) => `${why} ${count(times)}`).join(', ');
  return [
    row('accepted', verdict.accepted, refused && `asked again after: ${refused}`),
    row('received', verdict.received),
    row('missed', verdict.missed.length),
    row('early', verdict.early, clockRemark(outcome)),
    row('repeated', verdict.repeats, repeatsRemark(verdict)),
    row('wrong id', verdict.wrongIds),
    row('uncertain', verdict.uncertain, verdict.uncertain > 0 ? `of these received: ${verdict.uncertainReceived}` : ''),
    ...(verdict.cancelled > 0 ? [row('cancelled', verdict.cancelled, outcome.stopped ? '' : 'by somebody else')] : []),
  ];
}

function clockRemark({ offset, storeDoubtMs }: Outcome): string {
  if (!offset) return 'not judged: no create was answered';
  const [middle, half] = [(offset.min + offset.max) / 2, (offset.max - offset.min) / 2];
  const where = `${span(Math.abs(middle))} ${middle < 0 ? 'behind' : 'ahead'}`;
  return `beyond doubt; its clock is ${where}, ± ${span(half + storeDoubtMs)}`;
}

function repeatsRemark({ repeats, repeatsAtMostOnce, repeatsUnexplained }: Verdict): string {
  if (repeats === 0) return '';
  if (repeatsAtMostOnce + repeatsUnexplained > 0) {
    return `of at-most-once timers ${repeatsAtMostOnce}, not explained by harm ${repeatsUnexplained}`;
  }
  return 'the harm hid what came of the first call: at-least-once';
}

function missedLines({ missed }: Verdict): string[] {
  if (missed.length === 0) return [];
  const shown = missed.slice(0, missedShownMax).map(({ id, status, lastAttempt }) => {
    return `  ${id}  ${[status ?? 'the service does not say', lastAttempt].filter(Boolean).join(', ')}`;
  });
  const more = missed.length - shown.length;
  return [
    '',
    '  Missed, and what the service says of them:',
    ...shown,
    ...(more > 0 ? [`  … and ${count(more)} more`] : []),
  ];
}

function harmLines({ killed, gone, command }: HarmDone): string[] {
  const lines: string[] = [];
  if (killed.length > 0) lines.push(`  killed: ${killed.join(', ')}`);
  if (gone.length > 0) lines.push(`  had ended before: ${gone.join(', ')}`);
  if (command) {
    lines.push(command.isRunning ? '  the command is still running' : `  the command ended with ${command.exitCode}`);
    if (command.output) lines.push(...command.output.split('\n').map((line) => `    ${line}`));
  }
  return lines;
}

/** The same harm, in the line that tells of it while the drill runs. */
export function harmText(harm: HarmDone): string {
  return harmLines(harm)
    .map((line) => line.trim())
    .join('; ');
}

function latenessLines({ lateness, latenessBeforeHarm }: Verdict): string[] {
  if (!lateness) return ['  Nothing was received.'];
  return [
    '  Late, from due to received:',
    percentiles(latenessBeforeHarm ? 'all' : '', lateness),
    ...(latenessBeforeHarm ? [percentiles('due before the harm', latenessBeforeHarm)] : []),
    '',
    ...histogramLines(lateness.histogram),
  ];
}

function percentiles(name: string, { p50, p90, p99, max }: Lateness): string {
  const all = Object.entries({ p50, p90, p99, max }).map(([at, ms]) => `${at} ${span(ms)}`);
  return `  ${name && `${name}: `}${all.join(' · ')}`;
}

/** A bar for each bucket; the longest stands for the fullest, and none that has a timer is empty. */
function histogramLines(histogram: readonly Bucket[]): string[] {
  const most = Math.max(...histogram.map((bucket) => bucket.count));
  return histogram.map((bucket) => {
    const length = bucket.count === 0 ? 0 : Math.max(1, Math.round((bucket.count / most) * barCharsMax));
    const range = `${bucket.toMs === Infinity ? 'more' : `< ${edge(bucket.toMs)}`}`.padStart(10);
    return `  ${range}  ${'▇'.repeat(length)} ${count(bucket.count)}`;
  });
}

function resultLines(outcome: Outcome, paint: Paint): string[] {
  const { verdict, stopped, tag, options } = outcome;
  const result = resultOf(outcome);
  const faults = verdict.faults.map((fault) => `  ${fault}`);
  if (stopped) {
    return [paint('bold', 'STOPPED'), `  ${count(stopped.cancelled)} timers that were still waiting were cancelled`];
  }
  if (result === 'pass') return [paint('green', 'PASS')];
  const isOpen = verdict.missed.some(
    ({ status }) => status === undefined || status === 'waiting' || status === 'executing',
  );
  const hint = isOpen
    ? [
        `  What is open was waited for ${options.patience} s (--patience), and was left as it is:`,
        `  GET ${options.url}/timers?tag=${tag}`,
      ]
    : [];
  return [paint('red', 'FAIL'), ...faults, ...hint];
}

/** The report for programs. Times are in milliseconds. */
export function reportJson(outcome: Outcome): string {
  const { options, verdict, tag, harm, offset, storeDoubtMs, refusals } = outcome;
  const { missed, lateness, latenessBeforeHarm, faults } = verdict;
  return `${JSON.stringify({
    result: resultOf(outcome),
    faults,
    url: options.url,
    tag,
    timers: options.timers,
    seconds: options.seconds,
    delivery: options.delivery,
    accepted: verdict.accepted,
    received: verdict.received,
    unanswered: verdict.unanswered,
    missed: missed.length,
    missed_timers: missed
      .slice(0, missedShownMax)
      .map(({ id, status = null, lastAttempt = null }) => ({ id, status, last_attempt: lastAttempt })),
    early: verdict.early,
    early_ms_max: verdict.earlyMsMax,
    repeats: verdict.repeats,
    repeats_at_most_once: verdict.repeatsAtMostOnce,
    repeats_unexplained: verdict.repeatsUnexplained,
    wrong_ids: verdict.wrongIds,
    uncertain: verdict.uncertain,
    uncertain_received: verdict.uncertainReceived,
    cancelled: verdict.cancelled,
    creates_repeated: Object.fromEntries(refusals),
    clock_offset_ms: offset ? { min: offset.min, max: offset.max, store_doubt: storeDoubtMs } : null,
    lateness_ms: latenessJson(lateness),
    lateness_before_harm_ms: latenessJson(latenessBeforeHarm),
    harm: harm ? harmJson(harm) : null,
  })}\n`;
}

function latenessJson(lateness: Lateness | undefined) {
  if (!lateness) return null;
  const { histogram, ...percentiles } = lateness;
  const buckets = histogram.map(({ fromMs: from, toMs: to, count: timers }) => ({
    from,
    to: Number.isFinite(to) ? to : null,
    timers,
  }));
  return { ...percentiles, histogram: buckets };
}

function harmJson({ killed, gone, command }: HarmDone) {
  const ran = command && { exit_code: command.exitCode, running: command.isRunning, output: command.output };
  return { killed, gone, command: ran ?? null };
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Three digits that matter: `0.4 ms`, `12 ms`, `3.4 s`. */
function span(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function edge(ms: number): string {
  return ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`;
}
