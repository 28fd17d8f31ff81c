// npm run bench -- NAME: one question each, see the first line of each file.
import { isolation } from './isolation.ts';
import { lateness } from './lateness.ts';
import { overdue } from './overdue.ts';

const benches: Readonly<Record<string, () => Promise<object>>> = { lateness, isolation, overdue };

const bench = benches[process.argv[2] ?? ''];
if (bench) console.table([await bench()]);
else {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join(' | ')}`);
  process.exitCode = 2;
}
