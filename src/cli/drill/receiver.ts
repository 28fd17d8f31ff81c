import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../clock/clock.ts';
import { CannotDrill } from './cannot-drill.ts';
import type { DrilledTimer } from './drilled-timer.ts';
import type { Listen } from './options.ts';

export interface ReceiverParts {
  readonly clock: Clock;
  /** Names this drill's calls: those of another drill are not counted. */
  readonly runId: string;
  readonly timerOf: (number: number) => DrilledTimer | undefined;
}

/** The drill's own receiver: notes each call with its timer, and answers 200 at once. */
export class DrillReceiver {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  }

  /** Throws `CannotDrill` when the address cannot be had. */
  static async start({ host, port }: Listen, parts: ReceiverParts): Promise<DrillReceiver> {
    const server = createServer((request, response) => {
      request.resume();
      response.statusCode = note(request, parts) ? 200 : 404;
      response.end();
    });
    // A connection that is closed just as the service uses it again would look like a fault of the service.
    server.keepAliveTimeout = 0;
    try {
      await once(server.listen(port, host), 'listening');
    } catch (error) {
      throw new CannotDrill(
        `The receiver cannot listen on ${host}:${port}: ${error}. Choose another --listen HOST:PORT.`,
      );
    }
    return new DrillReceiver(server, host);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Where the timer of this number is to be sent: the service puts its id behind it. */
export function targetOf(receiverUrl: string, runId: string, number: number): string {
  return `${receiverUrl}/drill/${runId}/${number}`;
}

/** Whether the call belongs to a timer of this drill. A proxy may have put a path before. */
function note({ url = '', headers }: IncomingMessage, { clock, runId, timerOf }: ReceiverParts): boolean {
  const [, run, number, id] = /\/drill\/([^/]+)\/(\d+)\/([^/?]+)/.exec(url) ?? [];
  const timer = run === runId ? timerOf(Number(number)) : undefined;
  if (!timer || !id) return false;
  const webhookId = headers['webhook-id'];
  timer.calls.push({ id, webhookId: typeof webhookId === 'string' ? webhookId : undefined, arrivedAt: clock.now() });
  return true;
}
