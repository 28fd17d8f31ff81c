/** After so many items whatever else waits gets its turn: one of the largest batches takes about a tenth of a second. */
const itemsPerTurn = 100;

/** As `items.map(each)`, with pauses in between in which other requests are answered and timers fire. */
export async function inTurns<T, R>(items: readonly T[], each: (item: T) => R): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) {
    if (results.length > 0 && results.length % itemsPerTurn === 0)
      await new Promise((resolve) => setImmediate(resolve));
    results.push(each(item));
  }
  return results;
}
