import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ScratchFolder, scratchFolder } from './scratch-folder.ts';
import { type Answered, ask, type Load } from './wrk.ts';

/** Timers that are there, of which wrk reads one after the other by chance. */
export class StatusReads implements AsyncDisposable {
  readonly #folder: ScratchFolder;

  private constructor(folder: ScratchFolder) {
    this.#folder = folder;
  }

  static async of(ids: readonly string[]): Promise<StatusReads> {
    const reads = new StatusReads(await scratchFolder());
    await writeFile(reads.#file, ids.join('\n'));
    return reads;
  }

  get #file(): string {
    return join(this.#folder.path, 'ids');
  }

  /** Reads as fast as answers come; with a pause, each connection waits so long before it asks again. */
  ask({ pauseMs, ...load }: Omit<Load, 'script'> & { readonly pauseMs?: number }): Promise<Answered> {
    const args = pauseMs === undefined ? [this.#file] : [this.#file, String(pauseMs)];
    return ask({ ...load, script: { name: 'status.lua', args } });
  }

  /** Each connection a hundred times a second at most, so that answers are measured which nobody else queues for. */
  askGently(service: string, seconds: number): Promise<Answered> {
    return this.ask({ url: service, connections: 8, seconds, pauseMs: 10 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder.remove();
  }
}
