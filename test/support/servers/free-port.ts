import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the range from which systems give ports by themselves (Linux: 32768 up, BSD and macOS: 49152 up): a server that was
// killed wants its port again, which nobody must have been given as a free one meanwhile.
const portMin = 20_000;
const portMax = 32_000;

/** A port on 127.0.0.1 that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
