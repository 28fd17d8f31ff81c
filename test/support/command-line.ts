import { Given } from './given.ts';
import { print, type Report } from './report.ts';

/** What can be run by its name. */
export interface Runnable {
  /** Every option, as text. Spans are in seconds. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly run: (given: Given) => Promise<Report>;
}

/**
 * Runs the one that the command line names, or `usual` where it names none but options, prints its report, and sets the exit code: 1 where
 * it found faults, 2 for wrong arguments.
 */
export async function runByName(
  command: string,
  runnables: Readonly<Record<string, Runnable>>,
  usual?: string,
): Promise<void> {
  // So that nothing that was started stays behind: what cleans up listens to the end of this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const given = process.argv.slice(2);
  const isNamed = usual === undefined || !given[0]?.startsWith('--');
  const [name = '', ...args] = isNamed ? given : [usual, ...given];
  const runnable = runnables[name];
  const report = runnable && start(runnable, args);
  if (report) process.exitCode = print(await report);
  else {
    console.error(usage(command, runnables));
    process.exitCode = 2;
  }
}

/** Undefined for options that there are not. */
function start({ defaults, run }: Runnable, args: readonly string[]): Promise<Report> | undefined {
  try {
    return run(new Given(args, defaults));
  } catch (error) {
    console.error(String(error));
    return undefined;
  }
}

function usage(command: string, runnables: Readonly<Record<string, Runnable>>): string {
  const lines = Object.entries(runnables).map(([name, { defaults }]) => {
    const options = Object.entries(defaults).map(([option, preset]) => `[--${option} ${preset}]`);
    return ['  npm run', command, '--', name, ...options].join(' ');
  });
  return `usage:\n${lines.join('\n')}`;
}
