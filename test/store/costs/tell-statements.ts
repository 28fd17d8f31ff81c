import { subscribe } from 'node:diagnostics_channel';
import { type MessagePort, workerData } from 'node:worker_threads';

// Loaded into each thread of the SQLite engine before the thread's own script, by sqlite.ts: tells what SQLite runs there. A statement is told
// as soon as it has ended (https://nodejs.org/api/sqlite.html), so before the thread answers the call that it was for.

const { told } = workerData as { readonly told: MessagePort };
subscribe('sqlite.db.query', (message) => told.postMessage((message as { readonly sql: string }).sql));
