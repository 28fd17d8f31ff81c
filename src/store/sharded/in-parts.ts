/**
 * Does work part by part, at the same time, and gives the results in the order of the items. `run` gives one result for each of the items
 * of its part, in order.
 */
export async function inParts<T, R, Part>(
  items: readonly T[],
  partOf: (item: T) => Part,
  run: (part: Part, items: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const parts = Map.groupBy(items.entries(), ([, item]) => partOf(item));
  const results = new Array<R>(items.length);
  const runs = Array.from(parts, async ([part, entries]) => {
    const done = await run(
      part,
      entries.map(([, item]) => item),
    );
    for (const [index, [at]] of entries.entries()) results[at] = done[index]!;
  });
  await Promise.all(runs);
  return results;
}
