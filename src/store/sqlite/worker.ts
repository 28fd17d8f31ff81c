import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { PunctualError } from '../../timer/errors.ts';
import { bodyColumn, type TimerRow } from '../rows.ts';
import { openFault, toWire } from './faults.ts';
import { GroupCommit, invoke } from './group-commit.ts';
import { openForReading, openForWriting } from './open.ts';
import type { Answer, Call, Report, WorkerData } from './protocol.ts';
import { Reads } from './reads.ts';
import { Transaction } from './transaction.ts';
import { Writes } from './writes.ts';

// A thread of the engine: it owns one connection and answers calls from its port until `close` is called.

/** One transaction takes calls until they have this many rows: it bounds its time, and the memory of what it reads. */
const writerGroupRowsMax = 2_000;
/** So many look-ups of single timers are answered in one message, or until they have so many characters of bodies. */
const lookupsMax = 100;
const charsMax = 1024 * 1024;

/** A connection at work. */
interface Service {
  /** The calls' answers, in messages that leave one after the other. */
  answer(calls: readonly Call[]): Iterable<Answer[]>;
  close(): void;
  /** Calls that wait are answered together until they have this many rows. */
  readonly groupRowsMax: number;
  rowsOf(call: Call): number;
}

function openWriter(data: WorkerData): Service {
  const { database, close, watch } = openForWriting(data);
  const transaction = new Transaction(database, {
    path: data.path,
    begin: 'BEGIN IMMEDIATE',
    check: () => watch.check(),
  });
  const group = new GroupCommit(new Writes(database), transaction);
  return { answer: (calls) => [group.run(calls)], close, groupRowsMax: writerGroupRowsMax, rowsOf };
}

function openReader(data: WorkerData): Service {
  const { database, close } = openForReading(data);
  const transaction = new Transaction(database, { path: data.path, begin: 'BEGIN' });
  const reads = new Reads(database, data.listRowsMax);
  const read = (call: Call): Answer => {
    try {
      return [call[0], null, transaction.run(() => invoke(reads, call))];
    } catch (error) {
      if (!(error instanceof PunctualError)) throw error;
      return [call[0], toWire(error), undefined];
    }
  };
  // A long read is the last of its group. It holds up those behind it, but not the answers to those before it.
  function* answer(calls: readonly Call[]): Iterable<Answer[]> {
    let answers: Answer[] = [];
    let chars = 0;
    for (const call of calls) {
      if (answers.length > 0 && (chars > charsMax || !isLookup(call))) {
        yield answers;
        [answers, chars] = [[], 0];
      }
      const answer = read(call);
      answers.push(answer);
      chars += charsOf(answer);
    }
    yield answers;
  }
  return { answer, close, groupRowsMax: lookupsMax, rowsOf: (call) => (isLookup(call) ? 1 : lookupsMax) };
}

function charsOf([, , value]: Answer): number {
  return Array.isArray(value) ? ((value as unknown as TimerRow)[bodyColumn]?.length ?? 0) : 0;
}

function isLookup([, verb]: Call): boolean {
  return verb === 'get' || verb === 'findKey';
}

/** The calls that wait, up to `groupRowsMax` rows. */
function drain(port: MessagePort, first: Call, { groupRowsMax, rowsOf }: Service): Call[] {
  const calls = [first];
  let rows = rowsOf(first);
  // Behind `close` nothing comes.
  while (rows < groupRowsMax && calls.at(-1)![1] !== 'close') {
    const received = receiveMessageOnPort(port) as { message: Call } | undefined;
    if (!received) break;
    calls.push(received.message);
    rows += rowsOf(received.message);
  }
  return calls;
}

function rowsOf([, , [batch]]: Call): number {
  return Array.isArray(batch) ? batch.length : 1;
}

function serve(port: MessagePort, service: Service): void {
  const report = (message: Report) => port.postMessage(message);
  port.on('message', (first: Call) => {
    const calls = drain(port, first, service);
    const closing = calls.at(-1)![1] === 'close' ? calls.pop()! : undefined;
    if (calls.length > 0) for (const answers of service.answer(calls)) report({ kind: 'answers', answers });
    if (!closing) return;
    service.close();
    report({ kind: 'answers', answers: [[closing[0], null, undefined]] });
    port.close();
  });
  report({ kind: 'open' });
}

function main(port: MessagePort, data: WorkerData): void {
  if (data.pauseMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, data.pauseMs);
  try {
    serve(port, data.role === 'writer' ? openWriter(data) : openReader(data));
  } catch (error) {
    port.postMessage({ kind: 'fault', error: toWire(openFault(error, data.path)) } satisfies Report);
    port.close();
  }
}

main(parentPort!, workerData as WorkerData);
