import ipaddr from 'ipaddr.js';
import { shardsMax } from '../timer/id.ts';
import { parseDuration } from '../timer/request.ts';

// What kinds of settings there are, and how a user's text is read for each.

/** One setting: how it is named, what it may be, and what it means. */
export interface Setting<T> {
  /** The environment variable. The flag is the same in kebab-case: `DATABASE_URL`, `--database-url`. */
  readonly env: string;
  readonly meaning: string;
  readonly default: T;
  /** The default as a user would write it. */
  readonly defaultText: string;
  /** What may be written, in words. */
  readonly allowed: string;
  /** Reads a user's text; undefined when it is not allowed. */
  readonly parse: (text: string) => T | undefined;
  /** Whether its text may hold a password, and is never shown. */
  readonly secret?: boolean;
}

type Described<T> = Pick<Setting<T>, 'env' | 'meaning' | 'secret'>;

export function text(
  setting: Described<string> & { default: string; allowed: string; pattern: RegExp },
): Setting<string> {
  const { pattern, ...rest } = setting;
  return {
    ...rest,
    defaultText: setting.default || 'none',
    parse: (given) => (pattern.test(given) ? given : undefined),
  };
}

export function choice<T extends string>(setting: Described<T> & { default: T; choices: readonly T[] }): Setting<T> {
  const { choices, ...rest } = setting;
  return {
    ...rest,
    defaultText: setting.default,
    allowed: choices.join(' | '),
    parse: (given) => choices.find((known) => known === given),
  };
}

export function integer(setting: Described<number> & { default: number; min: number; max: number }): Setting<number> {
  const { min, max, ...rest } = setting;
  return {
    ...rest,
    defaultText: String(setting.default),
    allowed: `${min} to ${max}`,
    parse: (given) =>
      /^\d{1,15}$/.test(given) && Number(given) >= min && Number(given) <= max ? Number(given) : undefined,
  };
}

const byteUnits = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

export function bytes(setting: Described<number> & { default: string; min: string; max: string }): Setting<number> {
  const read = (given: string): number | undefined => {
    const match = /^(\d{1,9})(|KiB|MiB|GiB)$/.exec(given);
    return match ? Number(match[1]) * byteUnits[match[2] as keyof typeof byteUnits] : undefined;
  };
  return ranged({ ...setting, read });
}

/** Milliseconds, written as `200ms`, `15s`, `5m`, `1h`, `7d`, or an ISO 8601 duration. */
export function duration(
  setting: Described<number> & { default: string; min: string; max: string; bare?: 's' },
): Setting<number> {
  const { bare = '' } = setting;
  return ranged({ ...setting, read: (given) => parseDuration(/^\d+$/.test(given) ? given + bare : given) });
}

function ranged(
  setting: Described<number> & {
    default: string;
    min: string;
    max: string;
    read: (given: string) => number | undefined;
  },
): Setting<number> {
  const { env, meaning, read, default: defaultText } = setting;
  const [min, max, preset] = [setting.min, setting.max, defaultText].map((given) => read(given)!) as [
    number,
    number,
    number,
  ];
  const parse = (given: string) => {
    const value = read(given);
    return value !== undefined && value >= min && value <= max ? value : undefined;
  };
  return { env, meaning, default: preset, defaultText, allowed: `${setting.min} to ${setting.max}`, parse };
}

/** A list separated by commas; empty text is the empty list. */
export function list(
  setting: Described<readonly string[]> & { default: string; allowed: string; isEntry: (entry: string) => boolean },
): Setting<readonly string[]> {
  const { isEntry, ...rest } = setting;
  const split = (given: string) =>
    given
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean);
  const parse = (given: string) => (split(given).every(isEntry) ? split(given) : undefined);
  return { ...rest, default: split(setting.default), defaultText: setting.default || 'none', parse };
}

const databaseUrl = /^(sqlite:.+|(postgres|postgresql|mysql|mariadb):\/\/[^/]+\/[^/?]+(\?.*)?)$/;

/** The databases by their places; undefined for a place that is empty. */
export function parseDatabaseUrls(given: string): (string | undefined)[] | undefined {
  const places = given.split(',').map((place) => place.trim() || undefined);
  const isRight = (url: string | undefined) => url === undefined || (databaseUrl.test(url) && URL.canParse(url));
  return places.every(isRight) && places.some(Boolean) && places.length <= shardsMax ? places : undefined;
}

export function parseShards(given: string): number[] | undefined {
  const shards = given.split(',').map((shard) => (/^\s*\d{1,4}\s*$/.test(shard) ? Number(shard) : -1));
  return shards.every((shard) => shard >= 0) ? shards : undefined;
}

/** Whether webhook/target-guard.ts can make sense of it (a test compares). */
export function isTarget(entry: string): boolean {
  return ipaddr.isValidCIDR(entry) || ipaddr.isValid(entry) || specialRanges.has(entry);
}

const specialRanges: ReadonlySet<string> = new Set([
  'unspecified',
  'broadcast',
  'multicast',
  'link-local',
  'loopback',
  'carrier-grade-nat',
  'private',
  'reserved',
  'unique-local',
  'ipv4-mapped',
  '6to4',
  'teredo',
  'benchmarking',
]);

/** As it stands; for the type of its value. */
export function custom<T>(setting: Setting<T>): Setting<T> {
  return setting;
}
