import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { GroupCommit } from '../../../src/store/sqlite/group-commit.ts';
import type { Call } from '../../../src/store/sqlite/protocol.ts';
import { Transaction } from '../../../src/store/sqlite/transaction.ts';
import { Writes } from '../../../src/store/sqlite/writes.ts';
import { aNewTimer } from '../../support/timers.ts';
import { t0 } from '../conformance.ts';

/** A database of which one statement fails with this result code of SQLite; it keeps count of what it is told. */
function failingDatabase(
  failing: 'BEGIN IMMEDIATE' | 'COMMIT',
  errcode: number,
): { database: DatabaseSync; told: string[] } {
  const told: string[] = [];
  const run = (sql: string) => () => {
    told.push(sql);
    if (sql === failing) throw Object.assign(new Error('broken'), { errcode });
    return { changes: 1 };
  };
  const database = { isTransaction: true, prepare: (sql: string) => ({ run: run(sql), get: () => {}, all: () => [] }) };
  return { database: database as unknown as DatabaseSync, told };
}

function groupOn(database: DatabaseSync): GroupCommit {
  return new GroupCommit(new Writes(database), new Transaction(database, { path: '/p.db', begin: 'BEGIN IMMEDIATE' }));
}

const calls: readonly Call[] = [1, 2].map((number) => [number, 'begin', [[[aNewTimer(t0).id, 'one', 1]]]]);

const ioErrorOnFsync = 10 | (4 << 8);
const full = 13;
const busy = 5;

describe('a group of calls', () => {
  it('is not run again when its commit may have reached the disk, and each is told so', () => {
    const { database, told } = failingDatabase('COMMIT', ioErrorOnFsync);
    const answers = groupOn(database).run(calls);
    assert.deepEqual(
      answers.map(([number, error]) => [number, error?.code]),
      [
        [1, 'commit_unknown'],
        [2, 'commit_unknown'],
      ],
    );
    assert.equal(told.filter((sql) => sql === 'COMMIT').length, 1);
    assert.equal(told.at(-1), 'ROLLBACK');
  });

  it('is refused as a whole, after one wait for the lock, when it cannot begin', () => {
    const { database, told } = failingDatabase('BEGIN IMMEDIATE', busy);
    assert.deepEqual(
      groupOn(database)
        .run(calls)
        .map(([number, error]) => [number, error?.code]),
      [
        [1, 'store_unavailable'],
        [2, 'store_unavailable'],
      ],
    );
    assert.equal(told.filter((sql) => sql === 'BEGIN IMMEDIATE').length, 1);
  });

  it('is run one by one when its commit did not fit on the disk', () => {
    const { database, told } = failingDatabase('COMMIT', full);
    assert.deepEqual(
      groupOn(database)
        .run(calls)
        .map(([number, error]) => [number, error?.code]),
      [
        [1, 'store_full'],
        [2, 'store_full'],
      ],
    );
    assert.equal(told.filter((sql) => sql === 'COMMIT').length, 3);
  });
});
