// npm run chaos -- [--timers 5000] [--kills 10] [--delivery at-least-once] [--span 40]
import { parseArgs } from 'node:util';
import type { Delivery } from '../../src/timer/timer.ts';
import { killAgainAndAgain } from './kill.ts';

const { values } = parseArgs({
  options: {
    timers: { type: 'string', default: '5000' },
    kills: { type: 'string', default: '10' },
    delivery: { type: 'string', default: 'at-least-once' },
    /** Seconds over which the timers come due. */
    span: { type: 'string', default: '40' },
  },
});

const report = await killAgainAndAgain({
  timers: Number(values.timers),
  kills: Number(values.kills),
  delivery: values.delivery as Delivery,
  spanMs: Number(values.span) * 1000,
  answerMsMax: 30,
});
const { states, ...figures } = report;
console.table({ ...figures, ...states });
const once = values.delivery === 'at-most-once';
const held =
  report.lost === 0 &&
  report.early === 0 &&
  report.wrongIds === 0 &&
  report.repeatsUnexplained === 0 &&
  !(once && report.repeats > 0);
console.log(held ? 'The promise held.' : 'THE PROMISE DID NOT HOLD.');
process.exitCode = held ? 0 : 1;
