import { styleText } from 'node:util';
import type { Clock } from '../../clock/clock.ts';
import { SystemClock } from '../../clock/system-clock.ts';
import { CannotDrill } from './cannot-drill.ts';
import { drill } from './drill.ts';
import type { DrillOptions } from './options.ts';
import { reportJson, reportText, resultOf } from './report.ts';

const exitCodes = { pass: 0, fail: 1, stopped: 130 } as const;
const cannotDrill = 2;
/** A terminal and npm both pass the same Ctrl-C on: signals that come together are one, in milliseconds. */
const togetherMs = 1_000;

/** Holds a drill, prints its report on standard output, and ends the process: what harm started must not keep it. */
export async function runDrill(options: DrillOptions): Promise<never> {
  const clock = new SystemClock();
  try {
    const outcome = await drill(options, { clock, stream: process.stderr, stopped: stoppedBySignal(clock) });
    const text = options.json
      ? reportJson(outcome)
      : reportText(outcome, (style, words) => styleText(style, words, { stream: process.stdout }));
    await new Promise((written) => process.stdout.write(text, written));
    process.exit(exitCodes[resultOf(outcome)]);
  } catch (error) {
    if (!(error instanceof CannotDrill)) throw error;
    process.stderr.write(`punctual drill: ${error.message}\n`);
    process.exit(cannotDrill);
  }
}

/** The first signal stops the drill in order; a later one ends it at once. */
function stoppedBySignal(clock: Clock): AbortSignal {
  const stopped = new AbortController();
  let isImpatient = false;
  const stop = () => {
    if (isImpatient) process.exit(130);
    if (stopped.signal.aborted) return;
    stopped.abort();
    process.stderr.write('\nStopping: what is still waiting is being cancelled …\n');
    clock.after(togetherMs, () => {
      isImpatient = true;
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  return stopped.signal;
}
