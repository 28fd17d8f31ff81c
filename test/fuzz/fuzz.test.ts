import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments } from '../support/deployments.ts';
import { fuzz } from './fuzz.ts';

const requests = 3_000;
const seed = 20;
const engines: Readonly<Record<string, string>> = { SQLite: 'sqlite', PostgreSQL: 'postgres', MySQL: 'mysql' };

for (const { name, unavailable, database } of await deployments()) {
  test(`${name}: whatever is sent, answers are as documented, and every timer is accounted for`, {
    skip: unavailable,
  }, async (context) => {
    const replay = `npm run fuzz -- --engine ${engines[name]} --requests ${requests} --seed ${seed}`;
    const { figures, faults } = await fuzz({ database: await database(context), requests, seed, replay });
    assert.deepEqual(faults, []);
    assert.equal(figures.requests, requests);
    // A fuzzer whose requests are all refused at the door would find nothing behind it.
    assert.ok(Number(figures['of these taken']) > requests / 4, JSON.stringify(figures));
    assert.ok(Number(figures['calls of the receiver']) > 0, JSON.stringify(figures));
  });
}
