import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines } from '../support/servers/databases.ts';
import { killShard } from './shards.ts';

const postgres = (await engines()).find(({ engine }) => engine === 'postgres');

test('a database of three that dies delays its own timers alone, and loses none', {
  skip: postgres?.unavailable ?? false,
}, async () => {
  const { figures, faults } = await killShard({ perSecond: 100, beforeMs: 2_000, outageMs: 4_000, afterMs: 1_000 });
  // How late timers are is measured by the command, on a machine that does nothing else.
  const broken = faults.filter((fault) => !fault.startsWith('lateness'));
  assert.deepEqual(broken, []);
  assert.ok((figures.dueOnDeadShard as number) > 20);
});
