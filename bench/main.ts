// npm run bench -- NAME [--OPTION VALUE …]: one question each, see the first line of each file.
import { type Runnable, runByName } from '../test/support/command-line.ts';
import type { Given } from '../test/support/given.ts';
import { capacity } from './capacity.ts';
import { create } from './create.ts';
import { createBatch } from './create-batch.ts';
import { drain } from './drain.ts';
import { freeze } from './freeze.ts';
import { growth } from './growth.ts';
import { idle } from './idle.ts';
import { isolation } from './isolation.ts';
import { lateness } from './lateness.ts';
import { mixed } from './mixed.ts';
import { overdue } from './overdue.ts';
import { status } from './status.ts';
import { engines } from './support/punctual.ts';
import { through } from './through.ts';

const servers = ['postgres', 'mysql'] as const;

/** One that has no figure to keep below, but what must never be. */
function measuring(name: string, run: () => Promise<{ readonly lost: number; readonly twice: number }>): Runnable {
  const measure = async () => {
    const figures = await run();
    const { lost, twice } = figures;
    const faults = [lost > 0 ? `${lost} timers were lost` : '', twice > 0 ? `${twice} calls were repeated` : ''];
    return { figures: {}, tables: { [name]: { 1: figures } }, faults: faults.filter(Boolean) };
  };
  return { defaults: {}, run: measure };
}

/** What benches take that let contestants do the work in turns. */
function framed(given: Given) {
  return {
    engine: given.oneOf('engine', engines),
    rounds: given.number('rounds'),
    results: given.text('results'),
  };
}

const benches: Readonly<Record<string, Runnable>> = {
  create: {
    defaults: { engine: 'sqlite', rounds: '5', seconds: '5', peers: 'usual', results: 'bench/results' },
    run: (given) =>
      create({
        ...framed(given),
        peers: given.text('peers'),
        seconds: given.number('seconds'),
      }),
  },
  'create-batch': {
    defaults: { engine: 'sqlite', rounds: '5', seconds: '5', results: 'bench/results' },
    run: (given) => createBatch({ ...framed(given), seconds: given.number('seconds') }),
  },
  status: {
    defaults: { engine: 'sqlite', timers: '100000', rounds: '5', seconds: '5', results: 'bench/results' },
    run: (given) => status({ ...framed(given), timers: given.number('timers'), seconds: given.number('seconds') }),
  },
  mixed: {
    defaults: { engine: 'sqlite', timers: '100000', rounds: '5', seconds: '20', results: 'bench/results' },
    run: (given) => mixed({ ...framed(given), timers: given.number('timers'), seconds: given.number('seconds') }),
  },
  capacity: {
    defaults: { engine: 'sqlite', timers: '10000000', rounds: '5', seconds: '10', results: 'bench/results' },
    run: (given) => capacity({ ...framed(given), timers: given.number('timers'), seconds: given.number('seconds') }),
  },
  growth: {
    defaults: {
      engine: 'postgres',
      to: '1000000',
      timers: '50000',
      rounds: '5',
      seconds: '5',
      results: 'bench/results',
    },
    run: (given) =>
      growth({
        ...framed(given),
        to: given.number('to'),
        timers: given.number('timers'),
        seconds: given.number('seconds'),
      }),
  },
  idle: {
    defaults: { engine: 'sqlite', timers: '1000000', rounds: '5', seconds: '30', results: 'bench/results' },
    run: (given) => idle({ ...framed(given), timers: given.number('timers'), seconds: given.number('seconds') }),
  },
  drain: {
    defaults: { engine: 'sqlite', timers: '100000', rounds: '5', peers: 'usual', results: 'bench/results' },
    run: (given) =>
      drain({
        ...framed(given),
        peers: given.text('peers'),
        timers: given.number('timers'),
      }),
  },
  lateness: {
    defaults: { engine: 'sqlite', rounds: '5', seconds: '20', peers: 'usual', results: 'bench/results' },
    run: (given) =>
      lateness({
        ...framed(given),
        peers: given.text('peers'),
        seconds: given.number('seconds'),
      }),
  },
  isolation: measuring('isolation', isolation),
  overdue: measuring('overdue', overdue),
  freeze: {
    defaults: { engine: 'postgres', timers: '1000000', rounds: '3', seconds: '8', rate: '300' },
    run: (given) =>
      freeze({
        engine: given.oneOf('engine', servers),
        timers: given.number('timers'),
        rounds: given.number('rounds'),
        roundMs: given.seconds('seconds'),
        perSecond: given.number('rate'),
      }),
  },
  through: {
    defaults: { engine: 'postgres', timers: '2000000', backlog: '20000' },
    run: (given) =>
      through({
        engine: given.oneOf('engine', servers),
        timers: given.number('timers'),
        backlogMax: given.number('backlog'),
      }),
  },
};

await runByName('bench', benches);
