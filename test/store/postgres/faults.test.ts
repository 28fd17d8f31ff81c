import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  commitFault,
  connectFault,
  isPassing,
  leavesConnection,
  statementFault,
} from '../../../src/store/postgres/faults.ts';

/** As `pg` throws what a server has said. */
function told(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error('told by the server'), { code, severity });
}

/** What an error means when it comes while connecting, from a statement, and with a commit; and whether the connection can go on. */
const meanings: readonly (readonly [
  name: string,
  error: Error,
  connect: string,
  statement: string,
  commit: string,
  goesOn: boolean,
])[] = [
  [
    'the connection is lost',
    new Error('read ECONNRESET'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  [
    'no answer comes',
    new Error('Query read timeout'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  ['the session was ended', told('57P01', 'FATAL'), 'store_unavailable', 'store_unavailable', 'commit_unknown', false],
  [
    'the session was ended, in Russian',
    told('57P01', 'ВАЖНО'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  [
    'a transaction was left alone for too long',
    told('25P03', 'FATAL'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  [
    'the log cannot be written',
    told('53100', 'PANIC'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  ['the server is starting', told('57P03', 'FATAL'), 'store_unavailable', 'store_unavailable', 'commit_unknown', false],
  [
    'there are too many connections',
    told('53300', 'FATAL'),
    'store_unavailable',
    'store_unavailable',
    'commit_unknown',
    false,
  ],
  ['the statement took too long', told('57014'), 'store_unavailable', 'store_unavailable', 'store_unavailable', true],
  ['the server takes no writes', told('25006'), 'store_unavailable', 'store_unavailable', 'store_unavailable', false],
  ['the disk is full', told('53100'), 'store_unavailable', 'store_full', 'store_full', true],
  ['the password is wrong', told('28P01', 'FATAL'), 'store_denied', 'store_unavailable', 'commit_unknown', false],
  ['the user may not insert', told('42501'), 'store_denied', 'store_denied', 'store_denied', true],
  ['the user may not insert, in German', told('42501', 'FEHLER'), 'store_denied', 'store_denied', 'store_denied', true],
  ['the statement is wrong', told('42601'), 'store_unavailable', 'internal', 'internal', true],
  ['a row is there already', told('23505'), 'store_unavailable', 'internal', 'internal', true],
  ['a value does not fit', told('22003'), 'store_unavailable', 'internal', 'internal', true],
];

describe('an error of PostgreSQL', () => {
  for (const [name, error, connect, statement, commit, goesOn] of meanings) {
    it(`means what can be known when ${name}`, () => {
      assert.equal(connectFault(error, 'db').code, connect);
      assert.equal(statementFault(error, 'db').code, statement);
      assert.equal(commitFault(error, 'db').code, commit);
      assert.equal(leavesConnection(error), goesOn);
      assert.equal(isPassing(error), false);
    });
  }

  for (const code of ['40001', '40P01', '55P03']) {
    it(`${code} may not come again when the transaction is run again`, () => {
      assert.equal(isPassing(told(code)), true);
      assert.equal(isPassing(told(code, 'FEHLER')), true);
      assert.equal(isPassing(told(code, 'FATAL')), false);
      assert.equal(statementFault(told(code), 'db').code, 'store_unavailable');
      assert.equal(leavesConnection(told(code)), true);
    });
  }
});
