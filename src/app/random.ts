import { randomFillSync } from 'node:crypto';
import type { Random } from '../timer/random.ts';

/** Chance as the machine has it; bytes that nobody can guess. */
export const machineRandom: Random = { fraction: Math.random, fill: (bytes) => void randomFillSync(bytes) };
