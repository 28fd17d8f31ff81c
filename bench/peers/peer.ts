/** The services that people use today for what Punctual does, each named as its package is, and where it keeps its jobs. */
export const peerDatabases = { 'pg-boss': 'postgres', 'graphile-worker': 'postgres', bullmq: 'redis' } as const;
export type PeerName = keyof typeof peerDatabases;
export const peerNames = Object.keys(peerDatabases) as readonly PeerName[];

/** What a process of a peer does; see main.ts. */
export const peerRoles = ['api', 'worker', 'serve', 'fill'] as const;
export type PeerRole = (typeof peerRoles)[number];

/** How often a call is tried until it has failed for good: what graphile-worker does by itself, so that all do the same. */
export const attemptsMax = 25;

/** A queue library, configured for speed as its makers advise; each file of one says why each option is what it is. */
export interface Peer {
  readonly name: PeerName;
  /** Connects, and makes what the queue needs in an empty database. Several processes may do so at once. */
  open(databaseUrl: string): Promise<PeerQueue>;
}

/** Works one call. Rejects where the queue shall try it again later. */
export type Handle = (url: string, id: string) => Promise<void>;

/** One queue of a peer. */
export interface PeerQueue {
  /** Stores a call that is due in so many milliseconds. Gives the job's id, once the queue has confirmed the job. */
  create(call: { readonly url: string; readonly delayMs: number }): Promise<string>;
  /** Stores calls that are due at once, by the peer's own way for many, as fast as it can. `urlOf` takes the numbers from 0. */
  fill(count: number, urlOf: (number: number) => string): Promise<void>;
  /** Works what is due and will be, until `close`. */
  work(handle: Handle): Promise<void>;
  /** Finishes what is being worked, and disconnects. */
  close(): Promise<void>;
}
