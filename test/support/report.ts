export type Figure = number | string | boolean | null;

/** What a scenario has to say. The promise held when there are no faults. */
export interface Report {
  readonly figures: Readonly<Record<string, Figure>>;
  /** More tables, by their titles. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, object>>>>;
  /** What did not hold, in words. */
  readonly faults: readonly string[];
}

/** With what is inside of objects beside the rest, named `outer.inner`. */
export function flat(figures: object): Record<string, Figure> {
  const entries = Object.entries(figures).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one])
      : [[name, value]],
  );
  return Object.fromEntries(entries);
}

/** Prints it, and gives the exit code. */
export function print({ figures, tables, faults }: Report): number {
  const figureTable = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, { value }]));
  for (const [title, table] of Object.entries({ Figures: figureTable, ...tables })) {
    if (Object.keys(table).length === 0) continue;
    console.log(title);
    console.table(table);
  }
  for (const fault of faults) console.log(`BROKEN: ${fault}`);
  console.log(faults.length === 0 ? 'What was promised held.' : 'WHAT WAS PROMISED DID NOT HOLD.');
  return faults.length === 0 ? 0 : 1;
}
