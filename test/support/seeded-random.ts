import type { Random } from '../../src/timer/random.ts';

/** Chance that repeats: the same seed, the same numbers (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(fraction() * 256);
    },
  };
}
