// npm run simulate -- [--seeds N] [--from SEED] [--until-failed] | --seed SEED [--trace]
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'until-failed': { type: 'boolean', default: false },
  },
});

const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 1) {
  console.error('--seed, --from and --seeds must be whole numbers, and --seeds at least 1');
  process.exit(2);
}

let failed = 0;
let simulatedMs = 0;
const startedAt = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const { faults, ...run } = await simulate({ seed, ...(values.trace ? { trace: console.log } : {}) });
  simulatedMs += run.simulatedMs;
  if (faults.length === 0) continue;
  failed++;
  console.log(`seed ${seed} at commit ${commit()}: npm run simulate -- --seed ${seed} --trace`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (values['until-failed']) break;
}
const seconds = (performance.now() - startedAt) / 1_000;
const hours = simulatedMs / 3_600_000;
console.log(
  `${count} seeds, ${failed} failed, ${seconds.toFixed(1)} s, ${(hours / seconds).toFixed(2)} simulated hours per second`,
);
process.exit(failed > 0 ? 1 : 0);

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
