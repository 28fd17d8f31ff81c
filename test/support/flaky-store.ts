import type { Store } from '../../src/store/store.ts';
import { PunctualError } from '../../src/timer/errors.ts';

/** How calls fail: not at all, before anything is done, or after it was done but without an answer that says so. */
export type Fault = 'none' | 'before' | 'after-commit';

type Verb = Exclude<keyof Store, 'close'>;

/** A store with a bad connection: each verb fails as the test says at that moment. Remembers what was called. */
export class FlakyStore implements Store {
  readonly calls: Verb[] = [];
  readonly #inner: Store;
  readonly #faults = new Map<Verb, Fault>();
  #allFault: Fault = 'none';

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** From now on the verb, or every verb, fails so. */
  fail(fault: Fault, verb?: Verb): void {
    if (verb) this.#faults.set(verb, fault);
    else this.#allFault = fault;
  }

  insert: Store['insert'] = (...args) => this.#call('insert', () => this.#inner.insert(...args));
  findKey: Store['findKey'] = (...args) => this.#call('findKey', () => this.#inner.findKey(...args));
  get: Store['get'] = (...args) => this.#call('get', () => this.#inner.get(...args));
  list: Store['list'] = (...args) => this.#call('list', () => this.#inner.list(...args));
  change: Store['change'] = (...args) => this.#call('change', () => this.#inner.change(...args));
  claim: Store['claim'] = (...args) => this.#call('claim', () => this.#inner.claim(...args));
  begin: Store['begin'] = (...args) => this.#call('begin', () => this.#inner.begin(...args));
  extend: Store['extend'] = (...args) => this.#call('extend', () => this.#inner.extend(...args));
  settle: Store['settle'] = (...args) => this.#call('settle', () => this.#inner.settle(...args));
  release: Store['release'] = (...args) => this.#call('release', () => this.#inner.release(...args));
  purge: Store['purge'] = (...args) => this.#call('purge', () => this.#inner.purge(...args));
  counts: Store['counts'] = (...args) => this.#call('counts', () => this.#inner.counts(...args));
  audit: Store['audit'] = (...args) => this.#call('audit', () => this.#inner.audit(...args));
  beat: Store['beat'] = (...args) => this.#call('beat', () => this.#inner.beat(...args));
  controllers: Store['controllers'] = (...args) => this.#call('controllers', () => this.#inner.controllers(...args));
  time: Store['time'] = () => this.#call('time', () => this.#inner.time());

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #call<T>(verb: Verb, work: () => Promise<T>): Promise<T> {
    this.calls.push(verb);
    const fault = this.#faults.get(verb) ?? this.#allFault;
    if (fault === 'before') throw new PunctualError('store_unavailable');
    const result = await work();
    if (fault === 'after-commit') throw new PunctualError('commit_unknown');
    return result;
  }
}
