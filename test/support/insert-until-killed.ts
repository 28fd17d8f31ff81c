// Inserts timers into the SQLite file named by its argument, prints each id once it is accepted, and goes on until it is killed. Where it
// cannot open the file, it prints the error's code and ends.
import { setTimeout as delay } from 'node:timers/promises';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { PunctualError } from '../../src/timer/errors.ts';
import { aNewTimer } from './timers.ts';

const store = await SqliteStore.open({ path: process.argv[2]! }).catch((error: unknown) => {
  if (!(error instanceof PunctualError)) throw error;
  process.stdout.write(`${error.code}\n`);
  process.exit();
});
for (;;) {
  const timers = Array.from({ length: 20 }, () => aNewTimer(Date.now() + Math.random() * 1e6));
  void store.insert(timers).then(() => process.stdout.write(timers.map(({ id }) => `${id}\n`).join('')));
  await delay(1);
}
