import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { withoutPassword } from '../store/address.ts';
import type { Store, Wakeups } from '../store/store.ts';
import type { Timing } from '../store/timing.ts';
import type { Random } from '../timer/random.ts';

/** A store that is open, and what its server says. */
export interface OpenedStore extends Store {
  /** What is set there that weakens the promise. */
  readonly warnings: readonly string[];
  /** How many places DATABASE_URL had when the database was made. */
  readonly shardsWhenMade: number;
}

/** One database as the settings name it, not yet opened. */
export interface Database {
  /** For people: a path, or the address without the password. */
  readonly name: string;
  /** Whether it is a file, which is there or is not: waiting for it makes no sense. */
  readonly isFile: boolean;
  /** Connects, and makes what is missing. Throws a PunctualError. */
  readonly open: () => Promise<OpenedStore>;
  /** How its processes wake each other, where the engine has a way. */
  readonly wakeups: (Wakeups & { close(): Promise<void> }) | undefined;
}

export interface DatabaseParts {
  readonly url: string;
  /** Its place among several. */
  readonly shard: number;
  /** How many places there are. */
  readonly shards: number;
  readonly config: Pick<Config, 'databaseBytesMax' | 'buckets' | 'bodyBytesMax'>;
  readonly clock: Timing;
  readonly random: Random;
}

const sqlitePageBytes = 4_096;

/** The database that a URL of DATABASE_URL names. Only its engine is loaded: each driver takes some megabytes. */
export async function databaseOf({ config, ...parts }: DatabaseParts): Promise<Database> {
  const { url, clock } = parts;
  const { buckets, bodyBytesMax } = config;
  const options = { ...parts, bodyBytesMax, ...(buckets > 0 ? { buckets } : {}) };
  if (url.startsWith('sqlite:')) return fileOf(url, config);
  const name = withoutPassword(url);
  if (/^(mysql|mariadb):/.test(url)) {
    const { MysqlStore } = await import('../store/mysql/store.ts');
    return { name, isFile: false, open: () => MysqlStore.open(options), wakeups: undefined };
  }
  const { PostgresStore } = await import('../store/postgres/store.ts');
  const { PostgresWakeups } = await import('../store/postgres/wakeups.ts');
  return {
    name,
    isFile: false,
    open: () => PostgresStore.open(options),
    wakeups: new PostgresWakeups({ url, clock }),
  };
}

async function fileOf(url: string, { databaseBytesMax }: DatabaseParts['config']): Promise<Database> {
  const { SqliteStore } = await import('../store/sqlite/store.ts');
  const path = resolve(url.slice('sqlite:'.length));
  const pages = databaseBytesMax > 0 ? { pageCountMax: Math.ceil(databaseBytesMax / sqlitePageBytes) } : {};
  const open = async () =>
    Object.assign(await SqliteStore.open({ path, ...pages }), { warnings: [], shardsWhenMade: 1 });
  return { name: path, isFile: true, open, wakeups: undefined };
}
