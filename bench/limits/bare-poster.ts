// The limit of a drain: undici posts to the receiver, and nothing else is done. `bare-poster.ts URL COUNT`, the call's number behind the URL.
import { Pool } from 'undici';
import { ready } from './program.ts';

const connections = 64;
const [url = '', count = ''] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections, pipelining: 1 });

let next = 0;
async function post(): Promise<void> {
  while (next < Number(count)) {
    const number = next++;
    const id = '019ab2c0-0000-7000-8000-000000000000';
    const { body } = await pool.request({ method: 'POST', path: `${pathname}/${id}?n=${number}` });
    await body.dump();
  }
}

ready('');
await Promise.all(Array.from({ length: connections }, post));
await pool.close();
