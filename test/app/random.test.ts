import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { machineRandom } from '../../src/app/random.ts';

describe("the machine's random bytes", () => {
  it('are never given out twice, whatever is asked for', () => {
    const seen = new Set<string>();
    let asked = 0;
    for (const length of [10, 16, 33, 4_096, 5_000]) {
      for (let times = 0; times < 1_000; times++, asked++) {
        const bytes = new Uint8Array(length);
        machineRandom.fill(bytes);
        seen.add(bytes.subarray(0, 10).toHex());
        seen.add(bytes.subarray(-10).toHex());
      }
    }
    // Of 10 bytes the first ten are the last ten.
    assert.equal(seen.size, 2 * asked - 1_000);
  });

  it('fill all that is asked for', () => {
    const bytes = new Uint8Array(100_000);
    machineRandom.fill(bytes);
    for (let value = 0; value < 256; value++) assert.ok(bytes.includes(value), `no byte is ${value}`);
  });

  it('fill a part of an array and leave the rest alone', () => {
    const bytes = new Uint8Array(32);
    machineRandom.fill(bytes.subarray(8, 24));
    assert.ok(bytes.subarray(0, 8).every((byte) => byte === 0));
    assert.ok(bytes.subarray(24).every((byte) => byte === 0));
    assert.ok(bytes.subarray(8, 24).some((byte) => byte !== 0));
  });
});
