import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parameterOf } from '../../../src/store/postgres/rows.ts';
import { adminUrl } from '../../support/servers/databases.ts';
import { connectTo, unavailable } from './scratch.ts';

// What the protocol cannot carry is kept out by the API: NUL, and halves of surrogate pairs.
const text = fc.string({ unit: 'binary' }).map((any) => any.replaceAll('\0', '').toWellFormed());
const awkward = fc.constantFrom('', 'NULL', 'null', '"', '\\', '\\"', '{}', ',', ' ', '[{"a":"\\u0001"}]', '\n\t');

describe("a batch's values as parameters", { skip: unavailable }, () => {
  it('reach the server as they are', async (context) => {
    const client = await connectTo(context, await adminUrl('postgres'));
    const texts = fc.array(fc.option(fc.oneof(text, awkward)));
    const numbers = fc.array(fc.option(fc.maxSafeInteger()));
    const bytes = fc.array(fc.option(fc.uint8Array().map((any) => Buffer.from(any))));
    const sql = 'SELECT $1::text[] AS names, to_json($2::bigint[]) AS instants, $3::bytea[] AS bodies';
    await fc.assert(
      fc.asyncProperty(texts, numbers, bytes, async (names, instants, bodies) => {
        const { rows } = await client.query(sql, [names, instants, bodies].map(parameterOf));
        assert.deepEqual(rows[0], { names, instants, bodies });
      }),
    );
  });

  it('are left to the driver where they are no batch', () => {
    assert.equal(parameterOf('{not an array}'), '{not an array}');
    assert.equal(parameterOf(null), null);
  });
});
