import { type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';

export interface LogOptions {
  readonly level: string;
  /** For people, or one JSON object a line. */
  readonly format: 'json' | 'pretty';
}

/** So many bytes may wait to be written; lines that come while a reader is stalled are dropped beyond it. */
const unwrittenBytesMax = 16 * 1024 * 1024;

/** A logger on standard output. Lines are written in the background, so that a slow terminal does not hold up timers. */
export function createLogger({ level, format }: LogOptions): Logger {
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  const destination = pino.destination({ dest: 1, sync: false, maxLength: unwrittenBytesMax });
  if (format === 'json') return pino(options, destination);
  // Not pino-pretty's own stream: before it knows that its destination is full, it keeps lines without limit itself.
  const pretty = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return pino(options, { write: (line) => void destination.write(pretty(line)) });
}
