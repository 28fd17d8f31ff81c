import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commitFault, connectFault, isPassing, statementFault } from '../../../src/store/mysql/faults.ts';

function serverError(errno: number, sqlState: string, message = 'told by the server'): Error {
  return Object.assign(new Error(message), { errno, sqlState, code: 'ER_SOMETHING' });
}

/** As Node and mysql2 give it: its errno is one of the operating system. */
const lost = Object.assign(new Error('Connection lost'), {
  code: 'PROTOCOL_CONNECTION_LOST',
  errno: -104,
  fatal: true,
});

/** What an error means when it comes while connecting, from a statement, and with a commit. */
const meanings: readonly (readonly [name: string, error: Error, connect: string, statement: string, commit: string])[] =
  [
    ['the connection is lost', lost, 'store_unavailable', 'store_unavailable', 'commit_unknown'],
    ['too many connections', serverError(1040, '08004'), 'store_unavailable', 'store_unavailable', 'store_unavailable'],
    ['the server shuts down', serverError(1053, '08S01'), 'store_unavailable', 'store_unavailable', 'commit_unknown'],
    ['the session was killed', serverError(1927, '70100'), 'store_unavailable', 'store_unavailable', 'commit_unknown'],
    [
      'the statement was interrupted',
      serverError(1317, '70100'),
      'store_unavailable',
      'store_unavailable',
      'commit_unknown',
    ],
    [
      'the server takes no writes',
      serverError(1290, 'HY000'),
      'store_unavailable',
      'store_unavailable',
      'store_unavailable',
    ],
    [
      'the server is read-only',
      serverError(1836, 'HY000'),
      'store_unavailable',
      'store_unavailable',
      'store_unavailable',
    ],
    ['the password is wrong', serverError(1045, '28000'), 'store_denied', 'store_denied', 'store_denied'],
    ['the user may not insert', serverError(1142, '42000'), 'store_denied', 'store_denied', 'store_denied'],
    ['the table is full', serverError(1114, 'HY000'), 'store_unavailable', 'store_full', 'store_full'],
    ['the disk is full', serverError(1021, 'HY000'), 'store_unavailable', 'store_full', 'store_full'],
    [
      'the disk is full, in words',
      serverError(1030, 'HY000', 'Got error 28 "No space left on device" from storage engine InnoDB'),
      'store_unavailable',
      'store_full',
      'store_full',
    ],
    ['the statement is wrong', serverError(1064, '42000'), 'store_unavailable', 'internal', 'internal'],
    ['a row is there already', serverError(1062, '23000'), 'store_unavailable', 'internal', 'internal'],
    ['a value does not fit', serverError(1406, '22001'), 'store_unavailable', 'internal', 'internal'],
  ];

describe('an error of MySQL', () => {
  for (const [name, error, connect, statement, commit] of meanings) {
    it(`means what can be known when ${name}`, () => {
      assert.equal(connectFault(error, 'db').code, connect);
      assert.equal(statementFault(error, 'db').code, statement);
      assert.equal(commitFault(error, 'db').code, commit);
      assert.equal(isPassing(error), false);
    });
  }

  for (const [errno, sqlState] of [
    [1213, '40001'],
    [1205, 'HY000'],
    [1020, 'HY000'],
    [3101, '40001'],
  ] as const) {
    it(`${errno} may not come again when the transaction is run again`, () => {
      assert.equal(isPassing(serverError(errno, sqlState)), true);
      assert.equal(statementFault(serverError(errno, sqlState), 'db').code, 'store_unavailable');
    });
  }

  it('names every address of a host that refused', () => {
    const refused = new AggregateError([
      new Error('connect ECONNREFUSED ::1:3306'),
      new Error('connect ECONNREFUSED 127.0.0.1:3306'),
    ]);
    assert.match(connectFault(refused, 'db').message, /::1:3306; connect ECONNREFUSED 127/);
  });
});
