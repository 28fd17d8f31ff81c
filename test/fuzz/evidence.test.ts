import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growthFaults, growthOf, type MemorySample } from './memory-growth.ts';
import { logFaults } from './proving-ground.ts';
import { Tally } from './tally.ts';

describe('memory', () => {
  const faultsOf = (heap: (at: number) => number) => {
    const samples: MemorySample[] = Array.from({ length: 100 }, (_, at) => ({ heapMb: heap(at), residentMb: 200 }));
    return growthFaults(growthOf(samples)!);
  };

  it('that grows on and on is a fault', () => {
    assert.match(faultsOf((at) => 50 + 2 * at).join(), /heapMb from 174 to 224/);
  });

  it('that goes up and down between collections is none', () => {
    assert.deepEqual(
      faultsOf((at) => 50 + (at % 7) * 10),
      [],
    );
  });

  it('that is taken while the process warms up is none', () => {
    assert.deepEqual(
      faultsOf((at) => Math.min(200, 50 + 3 * at)),
      [],
    );
  });

  it('of which there are few samples is not judged', () => {
    assert.equal(growthOf([{ heapMb: 1, residentMb: 1 }]), undefined);
  });
});

describe('the log', () => {
  const line = (level: number, msg: string) => `${JSON.stringify({ level, msg })}\n`;

  it('may have warnings, and tell of timers that failed', () => {
    assert.deepEqual(
      logFaults(`\n  Punctual is ready.\n${line(40, 'request refused')}${line(50, 'timer failed')}`),
      [],
    );
  });

  it('must have no errors, and nothing that is no line of it', () => {
    assert.equal(logFaults(line(50, 'request failed')).length, 1);
    assert.equal(logFaults('(node:1) Warning: something\n').length, 1);
  });
});

describe('a tally', () => {
  it('tells the first faults in full, and counts the others', () => {
    const tally = new Tally();
    for (let fault = 1; fault <= 25; fault++) tally.fault(`fault ${fault}`);
    assert.equal(tally.faults.length, 21);
    assert.equal(tally.faults.at(-1), 'and 5 more like these');
  });
});
