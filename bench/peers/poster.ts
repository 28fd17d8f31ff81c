import { Agent } from 'undici';

/** As many as Punctual opens to one destination. What is called beyond waits for one of them. */
const connections = 64;

/** Sends the calls of a queue's jobs: a POST to the job's URL, with the job's id behind its path. */
export class Poster {
  readonly #agent = new Agent({ connections, pipelining: 1 });

  /** Rejects for every answer but 2xx, so that the queue tries again. */
  async post(url: string, id: string): Promise<void> {
    const { origin, pathname, search } = new URL(url);
    const path = `${pathname.replace(/\/$/, '')}/${id}${search}`;
    const { statusCode, body } = await this.#agent.request({ origin, path, method: 'POST' });
    await body.dump();
    if (statusCode < 200 || statusCode > 299) throw new Error(`${url} answered ${statusCode}`);
  }

  close(): Promise<void> {
    return this.#agent.close();
  }
}
