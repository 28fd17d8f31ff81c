import { type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';

export interface LogOptions {
  readonly level: string;
  /** For people, or one JSON object a line. */
  readonly format: 'json' | 'pretty';
}

/** A logger on standard output. Lines are written in the background, so that a slow terminal does not hold up timers. */
export function createLogger({ level, format }: LogOptions): Logger {
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  if (format === 'json') return pino(options, pino.destination({ dest: 1, sync: false }));
  return pino(options, pretty({ destination: 1, sync: false, translateTime: 'SYS:HH:MM:ss.l' }));
}
