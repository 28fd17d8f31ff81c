import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore } from '../../src/store/memory.ts';
import { storeConformance, t0 } from './conformance.ts';

storeConformance('MemoryStore', async (_context, options) => new MemoryStore({ time: () => t0, ...options }));

it('MemoryStore reads the clock that it was given', async () => {
  assert.equal(await new MemoryStore({ time: () => 42.5 }).time(), 42.5);
});
