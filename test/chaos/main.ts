// npm run chaos -- [SCENARIO] [--OPTION VALUE …], `mixed` where none is named: the first line of each scenario's file says what it does.

import { type Runnable, runByName } from '../support/command-line.ts';
import { tormentControllers } from './controllers.ts';
import { killDatabase } from './database.ts';
import { killAgainAndAgain } from './kill.ts';
import { harmEverything } from './mixed.ts';
import { restartAll } from './rolling.ts';
import { killShard } from './shards.ts';

const engines = ['postgres', 'mysql'] as const;
const deliveries = ['at-least-once', 'at-most-once'] as const;

const millisecondsPerMinute = 60_000;

const scenarios: Readonly<Record<string, Runnable>> = {
  mixed: {
    defaults: { engine: 'sqlite', minutes: '3', rate: '60', span: '60', seed: String(Date.now() % 1_000_000) },
    run: (given) =>
      harmEverything({
        engine: given.oneOf('engine', ['sqlite', ...engines]),
        forMs: given.number('minutes') * millisecondsPerMinute,
        perSecond: given.number('rate'),
        spanMs: given.seconds('span'),
        seed: given.number('seed'),
        pace: 1,
      }),
  },
  kill: {
    defaults: { timers: '5000', kills: '10', span: '40', delivery: 'at-least-once' },
    run: (given) =>
      killAgainAndAgain({
        timers: given.number('timers'),
        kills: given.number('kills'),
        spanMs: given.seconds('span'),
        delivery: given.oneOf('delivery', deliveries),
      }),
  },
  controllers: {
    defaults: { engine: 'postgres', timers: '20000', span: '20', delivery: 'at-least-once', every: '5', pause: '15' },
    run: (given) =>
      tormentControllers({
        engine: given.oneOf('engine', engines),
        timers: given.number('timers'),
        spanMs: given.seconds('span'),
        delivery: given.oneOf('delivery', [...deliveries, 'mixed']),
        everyMs: given.seconds('every'),
        pauseMs: given.seconds('pause'),
      }),
  },
  database: {
    defaults: { engine: 'postgres', timers: '20000', span: '20', rate: '200', after: '5', outage: '10' },
    run: (given) =>
      killDatabase({
        engine: given.oneOf('engine', engines),
        timers: given.number('timers'),
        spanMs: given.seconds('span'),
        perSecond: given.number('rate'),
        killAfterMs: given.seconds('after'),
        outageMs: given.seconds('outage'),
      }),
  },
  rolling: {
    defaults: { engine: 'postgres', apis: '2', controllers: '2', rate: '500', rest: '3', rounds: '1' },
    run: (given) =>
      restartAll({
        engine: given.oneOf('engine', engines),
        apis: given.number('apis'),
        controllers: given.number('controllers'),
        perSecond: given.number('rate'),
        restMs: given.seconds('rest'),
        rounds: given.number('rounds'),
      }),
  },
  shards: {
    defaults: { rate: '500', before: '10', outage: '15', after: '10' },
    run: (given) =>
      killShard({
        perSecond: given.number('rate'),
        beforeMs: given.seconds('before'),
        outageMs: given.seconds('outage'),
        afterMs: given.seconds('after'),
      }),
  },
};

await runByName('chaos', scenarios, 'mixed');
