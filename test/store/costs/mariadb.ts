import { after } from 'node:test';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { type DatabaseServer, ServerUnavailable } from '../../support/servers/database-server.ts';
import { startMysql } from '../../support/servers/mysql-server.ts';
import { unavailableVariable } from '../../support/servers/test-server.ts';
import type { TestContext } from '../conformance.ts';
import { type Ask, connectTo, openStore } from '../mysql/scratch.ts';
import { Disturbed, difference, type Meter, type MeteredEngine, type Work, without } from './meter.ts';

/** On the server nothing syncs a file but commits. */
const settings = {
  'performance-schema': 'ON',
  'performance-schema-instrument': 'transaction=ON',
  'performance-schema-consumer-events-transactions-current': 'ON',
  // The log of what runs in the background waits for the next commit, and changed pages for the server's end.
  'innodb-flush-log-at-timeout': 2_700,
  'innodb-max-dirty-pages-pct': 99,
  'innodb-max-dirty-pages-pct-lwm': 98,
  'innodb-adaptive-flushing-lwm': 70,
  'innodb-stats-auto-recalc': 'OFF',
  // A file that grows is synced each time, and a table's own grows by single pages at first: those for all tables have room enough.
  'innodb-file-per-table': 'OFF',
  'innodb-data-file-path': 'ibdata1:12M;ibdata2:64M:autoextend',
};

/** MariaDB on a server of its own, which counts all by itself: status variables and performance schema. */
export async function startMeteredMariadb(): Promise<MeteredEngine> {
  const unavailable = process.env[unavailableVariable.mysql];
  if (unavailable) return without('MariaDB', unavailable);
  try {
    const server = await startMysql({ settings });
    after(() => server.stop());
    const version = await versionOf(server);
    if (!version.includes('MariaDB'))
      return without('MariaDB', `what MySQL ${version} syncs by itself has not been looked into`);
    return { name: 'MariaDB', unavailable: false, open: (context) => openMeter(context, server) };
  } catch (error) {
    if (error instanceof ServerUnavailable) return without('MariaDB', error.message);
    throw error;
  }
}

async function versionOf({ url }: DatabaseServer): Promise<string> {
  const connection = await createConnection(url);
  const [rows] = await connection.query<(RowDataPacket & { version: string })[]>('SELECT VERSION() AS version');
  await connection.end();
  return rows[0]!.version;
}

let databases = 0;

async function openMeter(context: TestContext, server: DatabaseServer): Promise<Meter> {
  const url = new URL(`costs_${++databases}`, server.url).href;
  const store = await openStore(context, { url });
  const ask = await connectTo(context, url);
  return {
    async watch(act): Promise<Work> {
      // Makes the connection that the verbs use, where there is none.
      await store.beat({ controller: { owner: 'meter', startedAt: 0 }, nowMs: 0, forgetBefore: 0 });
      const before = await read(ask);
      await act(store);
      const after = await read(ask);
      if (after.upkeep !== before.upkeep) throw new Disturbed('the server wrote pages, or a checkpoint');
      return difference(after, before);
    },
  };
}

/** With what tells whether the server has written pages, or a checkpoint, of which it makes one soon after its start. */
async function read(ask: Ask): Promise<Work & { readonly upkeep: string }> {
  const [transactions] = (await ask(
    'SELECT CAST(SUM(count_star) AS SIGNED) FROM performance_schema.events_transactions_summary_global_by_event_name',
  )) as [[number]];
  const status = (await ask('SHOW GLOBAL STATUS')) as readonly (readonly [name: string, value: string])[];
  const numberOf = new Map(status.map(([name, value]) => [name, Number(value)]));
  // One for each kind of statement.
  const kinds = [...numberOf].filter(([name]) => name.startsWith('Com_'));
  return {
    statements: new Map(kinds.map(([name, count]) => [name.slice('Com_'.length), count])),
    transactions: transactions[0],
    syncs: numberOf.get('Innodb_data_fsyncs')!,
    upkeep: `${numberOf.get('Innodb_buffer_pool_pages_flushed')} ${numberOf.get('Innodb_lsn_last_checkpoint')}`,
  };
}
