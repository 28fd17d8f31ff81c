/** What was taken is let go of in lumps of at least so many items. */
const lumpMin = 64;

/** A first-in, first-out queue whose steps cost the same however long it is (an array's `shift` moves all that follows). */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The oldest item; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest item; undefined when there is none. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head >= lumpMin && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes all but the oldest `kept` items, oldest first. */
  takeBeyond(kept: number): T[] {
    return this.#items.splice(this.#head + kept) as T[];
  }
}
