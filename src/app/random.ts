import { randomFillSync } from 'node:crypto';
import type { Random } from '../timer/random.ts';

/** Bytes are taken from the machine so many at a time: asking costs the same for ten as for thousands. */
const pool = new Uint8Array(4_096);
let used = pool.length;

/** Chance as the machine has it; bytes that nobody can guess. */
export const machineRandom: Random = { fraction: Math.random, fill };

function fill(bytes: Uint8Array): void {
  if (bytes.length > pool.length) {
    randomFillSync(bytes);
    return;
  }
  if (used + bytes.length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  bytes.set(pool.subarray(used, used + bytes.length));
  // No byte is given out twice, nor kept once it was.
  pool.fill(0, used, used + bytes.length);
  used += bytes.length;
}
