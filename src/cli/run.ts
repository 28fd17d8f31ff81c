import type { Logger } from 'pino';
import { migrateAll } from '../app/migrate-all.ts';
import { type App, type Role, startApp } from '../app.ts';
import { type Config, type Flags, loadConfig } from '../config.ts';
import { createLogger } from '../telemetry/log.ts';
import { PunctualError } from '../timer/errors.ts';

/** Runs a role until SIGTERM or SIGINT. Ends the process with 1 when it cannot start, or has to give up, saying why. */
export async function run(role: Role, flags: Flags): Promise<void> {
  try {
    const config = loadConfig(process.env, flags);
    const app = await startApp(config, loggerOf(config), role);
    stopOnSignal(app);
    // Beside the log, which may be read by a program.
    process.stderr.write(banner(app, role));
    await app.givenUp;
  } catch (error) {
    process.stderr.write(explain(error));
    process.exit(1);
  }
}

/** Makes the databases and their tables where they are missing, and brings them up to date. Ends the process with 1 where it cannot. */
export async function migrate(flags: Flags): Promise<void> {
  try {
    const config = loadConfig(process.env, flags);
    for (const line of await migrateAll(config)) process.stdout.write(`${line}\n`);
  } catch (error) {
    process.stderr.write(explain(error));
    process.exit(1);
  }
}

function loggerOf(config: Config): Logger {
  return createLogger({ level: config.logLevel, format: logFormat(config) });
}

function logFormat({ logFormat: format }: Config): 'json' | 'pretty' {
  const pretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  return pretty ? 'pretty' : 'json';
}

/** A terminal and npm both pass the same Ctrl-C on: signals that come together are one, in milliseconds. */
const togetherMs = 1_000;

/** The first signal stops in order; a later one ends the process at once: whatever was in hand is taken over at the next start. */
function stopOnSignal(app: App): void {
  let signalled = false;
  let impatient = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (impatient) process.exit(130);
    if (signalled) return;
    signalled = true;
    app.clock.after(togetherMs, () => {
      impatient = true;
    });
    process.stderr.write(`${signal}: giving back what is unsent, finishing what is on the wire …\n`);
    await app.stop();
    process.stderr.write('Stopped.\n');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
}

function banner(app: App, role: Role): string {
  const places = app.databases.map((name, index) => `  ${index === 0 ? 'Timers are in' : '             '}  ${name}`);
  if (role === 'controller') {
    return `
  The Punctual controller is ready.

  Health, metrics  ${app.url}/readyz  ${app.url}/metrics
${places.join('\n')}

`;
  }
  const target = app.echo ? `${app.url}/echo/hello` : 'https://example.com/hook';
  return `
  Punctual is ready.

  API            ${app.url}
  Documentation  ${app.url}/docs
${places.join('\n')}

  Try:  curl ${app.url}/timers -H 'content-type: application/json' -d '{"seconds": 3, "url": "${target}"}'

`;
}

function explain(error: unknown): string {
  if (!(error instanceof PunctualError)) return `${error instanceof Error ? error.stack : String(error)}\n`;
  const faults = error.faults.map(({ pointer, detail }) => `  ${pointer} ${detail}\n`);
  return `punctual: ${error.message}\n${faults.join('')}`;
}
