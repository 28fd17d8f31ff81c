/** A binary min-heap: the entry with the smallest `at` comes out first. */
export class Heap<T> {
  #entries: { readonly at: number; readonly value: T }[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The smallest `at`, or undefined when empty. */
  get nextAt(): number | undefined {
    return this.#entries[0]?.at;
  }

  push(at: number, value: T): void {
    const entries = this.#entries;
    const entry = { at, value };
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (entries[parent]!.at <= at) break;
      entries[index] = entries[parent]!;
      index = parent;
    }
    entries[index] = entry;
  }

  /** Takes out the entry with the smallest `at`, if that is at most `until`. */
  popUntil(until: number): T | undefined {
    const top = this.#entries[0];
    if (!top || top.at > until) return undefined;
    const last = this.#entries.pop()!;
    if (this.#entries.length > 0) this.#sinkFromTop(last);
    return top.value;
  }

  /** Takes out everything with its `at`, in no order. */
  drain(): [at: number, value: T][] {
    const all = this.#entries.map(({ at, value }): [number, T] => [at, value]);
    this.#entries = [];
    return all;
  }

  #sinkFromTop(entry: { readonly at: number; readonly value: T }): void {
    const entries = this.#entries;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && entries[child + 1]!.at < entries[child]!.at) child += 1;
      if (entries[child]!.at >= entry.at) break;
      entries[index] = entries[child]!;
      index = child;
    }
    entries[index] = entry;
  }
}
