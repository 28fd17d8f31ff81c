import { randomFillSync } from 'node:crypto';
import { SqliteStore } from '../../../src/store/sqlite/store.ts';
import { newTimerId } from '../../../src/timer/id.ts';
import { aNewTimer } from '../../support/timers.ts';

// A process for tests to kill: inserts timers into the file that it is given, and prints the ids of those that were acknowledged. Where it
// cannot open the file, it prints the error's code.

const random = {
  fraction: Math.random,
  fill: (bytes: Uint8Array) => {
    randomFillSync(bytes);
  },
};

async function insertForever(store: SqliteStore): Promise<never> {
  while (true) {
    const ids = Array.from({ length: 5 }, () => newTimerId(Date.now(), random, { shard: 0 }));
    await store.insert(ids.map((id) => aNewTimer(Date.now(), { id })));
    process.stdout.write(`${ids.join('\n')}\n`);
  }
}

try {
  const store = await SqliteStore.open({ path: process.argv[2]! });
  await Promise.all(Array.from({ length: 4 }, () => insertForever(store)));
} catch (error) {
  process.stdout.write(`${(error as { code: string }).code}\n`);
}
