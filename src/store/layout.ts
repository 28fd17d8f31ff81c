import { PunctualError } from '../timer/errors.ts';

/** What of a server's database is fixed when its tables are made; kept in its table `meta`. */
export interface Layout {
  /** How many slices its tables are cut into. */
  readonly buckets: number;
  /** Its place in DATABASE_URL, from 0 on. */
  readonly shard: number;
  /** How many places DATABASE_URL had then. */
  readonly shards: number;
}

/** The layout as rows of `meta`. */
export function metaOf({ buckets, shard, shards }: Layout): [name: string, value: string][] {
  const numbers = { buckets, shard, shards };
  return [
    ['program', 'punctual'],
    ...Object.entries(numbers).map(([name, value]): [string, string] => [name, `${value}`]),
  ];
}

/** The layout that rows of `meta` say; undefined where they do not say it all. */
export function layoutOf(rows: Iterable<readonly [name: string, value: string]>): Layout | undefined {
  const meta = new Map([...rows].map(([name, value]) => [name, Number(value)]));
  const [buckets, shard, shards] = [meta.get('buckets'), meta.get('shard'), meta.get('shards')];
  if (buckets === undefined || shard === undefined || shards === undefined) return undefined;
  return { buckets, shard, shards };
}

/** Throws `store_wrong_shard` where the database stands in another place than the one that it was made for. */
export function mustBeShard(layout: Layout, shard: number, database: string): void {
  if (layout.shard === shard) return;
  throw new PunctualError('store_wrong_shard', {
    message: `${database} was made as number ${layout.shard} of the databases in DATABASE_URL, and stands as number ${shard} there: put it back, and leave the place of one that is gone empty`,
  });
}
