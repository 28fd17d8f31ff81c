import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, errorCodes, isStoreOutage, PunctualError } from '../../src/timer/errors.ts';

describe('an error of Punctual', () => {
  it('says its code’s meaning when nothing better is known', () => {
    const error = new PunctualError('not_found');
    assert.equal(error.message, errorCodes.not_found);
    assert.equal(error.code, 'not_found');
    assert.equal(error.name, 'PunctualError');
    assert.deepEqual(error.faults, []);
    assert.equal('cause' in error, false);
  });

  it('keeps message, faults and cause', () => {
    const cause = new Error('disk');
    const faults = [{ pointer: '/url', detail: 'is missing' }];
    const error = new PunctualError('invalid_request', { message: 'No.', faults, cause });
    assert.equal(error.message, 'No.');
    assert.equal(error.cause, cause);
    assert.deepEqual(error.faults, faults);
    assert.ok(error instanceof Error);
  });

  it('is an outage of the store for exactly the codes after which trying again later makes sense', () => {
    const outages = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => isStoreOutage(new PunctualError(code)));
    assert.deepEqual(outages, [
      'store_unavailable',
      'store_full',
      'commit_unknown',
      'store_denied',
      'store_not_a_database',
    ]);
    assert.equal(isStoreOutage(new Error('store_unavailable')), false);
    assert.equal(isStoreOutage(undefined), false);
  });

  it('has a stable code in snake_case with a meaning in a full sentence', () => {
    for (const [code, meaning] of Object.entries(errorCodes)) {
      assert.match(code, /^[a-z]+(_[a-z]+)*$/);
      assert.match(meaning, /^[A-Z].*\.$/);
    }
  });
});
