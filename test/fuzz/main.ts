// npm run fuzz -- --engine ENGINE --requests N --seed S
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Given } from '../support/given.ts';
import { print, type Report } from '../support/report.ts';
import { startMysql } from '../support/servers/mysql-server.ts';
import { startPostgres } from '../support/servers/postgres-server.ts';
import type { Database } from '../support/service.ts';
import { fuzz } from './fuzz.ts';

const defaults = { engine: 'sqlite', requests: '10000', seed: '1' };
const engines = ['sqlite', 'postgres', 'mysql'] as const;
type Engine = (typeof engines)[number];

const starters = { postgres: startPostgres, mysql: startMysql };

/** A database that is gone when `leaving` is disposed of. */
async function databaseFor(engine: Engine, leaving: AsyncDisposableStack): Promise<Database> {
  if (engine !== 'sqlite') {
    const server = leaving.adopt(await starters[engine](), (one) => one.stop());
    return { databaseUrl: new URL('/punctual_fuzz', server.url).href };
  }
  const folder = leaving.adopt(await mkdtemp(join(tmpdir(), 'punctual-fuzz-')), (path) =>
    rm(path, { recursive: true }),
  );
  return { databasePath: join(folder, 'punctual.db') };
}

async function run(given: Given): Promise<Report> {
  const engine = given.oneOf('engine', engines);
  const requests = given.number('requests');
  const seed = given.number('seed');
  const replay = `npm run fuzz -- --engine ${engine} --requests ${requests} --seed ${seed}`;
  console.log(replay);
  await using leaving = new AsyncDisposableStack();
  return await fuzz({ database: await databaseFor(engine, leaving), requests, seed, replay });
}

/** Undefined for options that there are not. */
function options(): Given | undefined {
  try {
    return new Given(process.argv.slice(2), defaults);
  } catch (error) {
    console.error(
      `${error}\nusage: npm run fuzz --${Object.entries(defaults)
        .map(([name, preset]) => ` [--${name} ${preset}]`)
        .join('')}`,
    );
    return undefined;
  }
}

// So that nothing that was started stays behind: what cleans up listens to the end of this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const given = options();
process.exitCode = given ? print(await run(given)) : 2;
