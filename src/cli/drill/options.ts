import { InvalidArgumentError } from 'commander';
import type { Delivery } from '../../timer/timer.ts';

/** What a drill is asked to do, checked and complete. */
export interface DrillOptions {
  /** Where the service's API is, without a slash at the end. */
  readonly url: string;
  /** Headers that every request to the API carries, such as what a proxy in front of it wants. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timers: number;
  readonly seconds: number;
  readonly delivery: DrillDelivery;
  readonly listen: Listen;
  /** Where the service finds the drill's receiver, without a slash at the end; undefined for where it listens. */
  readonly receiverUrl: string | undefined;
  readonly kill: readonly number[];
  readonly command: string | undefined;
  /** When harm is done, counted from the start, in seconds. */
  readonly harmAfter: number;
  /** How long timers are waited for after the last was due, in seconds. */
  readonly patience: number;
  readonly json: boolean;
}

/** `mixed`: one of each in turn. */
export type DrillDelivery = Delivery | 'mixed';

export interface Listen {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** What commander makes of the flags: each value has been through its reader below. */
export interface DrillFlags {
  readonly url: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly timers: number;
  readonly seconds: number;
  readonly delivery: DrillDelivery;
  readonly listen: Listen;
  readonly receiverUrl?: string;
  readonly kill?: readonly number[];
  readonly command?: string;
  readonly harmAfter?: number;
  readonly patience: number;
  readonly json?: boolean;
}

/** Puts the flags together; throws an `InvalidArgumentError` that names the flags which do not fit each other. */
export function drillOptions(flags: DrillFlags): DrillOptions {
  const {
    header: headers = {},
    kill = [],
    command,
    seconds,
    harmAfter = seconds / 2,
    receiverUrl,
    json = false,
  } = flags;
  if (harmAfter > seconds) {
    throw new InvalidArgumentError(`--harm-after must be at most --seconds, which is ${seconds}.`);
  }
  if (flags.harmAfter !== undefined && kill.length === 0 && command === undefined) {
    throw new InvalidArgumentError('--harm-after says when, but not what: add --kill or --command.');
  }
  const listen = listenFor(flags.listen, receiverUrl);
  return { ...flags, headers, kill, command, harmAfter, receiverUrl, listen, json };
}

/** A receiver that is found by an address of its own listens on the port in it, unless it is told another. */
function listenFor(listen: Listen, receiverUrl: string | undefined): Listen {
  const isEverywhere = ['0.0.0.0', '::'].includes(listen.host);
  if (receiverUrl === undefined) {
    if (!isEverywhere) return listen;
    throw new InvalidArgumentError(
      `--listen ${listen.host} is no address to call: say with --receiver-url where the service finds the receiver.`,
    );
  }
  if (listen.port !== 0) return listen;
  const port = Number(new URL(receiverUrl).port);
  if (port !== 0) return { ...listen, port };
  throw new InvalidArgumentError(
    '--receiver-url names no port: add one, or say with --listen HOST:PORT where the receiver listens.',
  );
}

/** A reader of whole numbers within limits. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isUsable = url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '';
  if (!isUsable) {
    throw new InvalidArgumentError(
      'It must be an http or https URL without user name and query, such as http://127.0.0.1:8080.',
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** `HOST`, `HOST:PORT`, `[IPV6]:PORT`. */
export function listenAddress(text: string): Listen {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? (/^[0-9a-fA-F:.]*::?[0-9a-fA-F:.]*$/.test(text) ? text : undefined);
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) {
    throw new InvalidArgumentError('It must be HOST or HOST:PORT, with a port from 1 to 65535.');
  }
  return { host, port: Number(port ?? 0) };
}

/** `Name: value`, added to those before. */
export function header(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*([\x20-\x7e]+)$/.exec(text) ?? [];
  if (!name || !value) throw new InvalidArgumentError("It must be 'Name: value'.");
  return { ...before, [name.toLowerCase()]: value };
}

/** A process to kill, added to those before. It must be there, and must not be one that the drill itself needs. */
export function victim(text: string, before: readonly number[] = []): number[] {
  const pid = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (pid <= 1) throw new InvalidArgumentError('It must be the id of a process, a whole number above 1.');
  if (pid === process.pid || pid === process.ppid) {
    throw new InvalidArgumentError('That is the drill itself, or what started it.');
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    const isForeign = error instanceof Error && 'code' in error && error.code === 'EPERM';
    throw new InvalidArgumentError(isForeign ? 'You may not kill that process.' : 'There is no such process.');
  }
  return [...before, pid];
}
