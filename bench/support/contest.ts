import { median } from '../../test/support/percentiles.ts';

/** What one round of a contestant gave: numbers by name, units in the names. */
export type Figures = Readonly<Record<string, number>>;

/** Somebody that does the work: Punctual, the limit that it is held against, or a peer. */
export interface Contestant {
  readonly name: string;
  /** Does the work once. */
  readonly round: () => Promise<Figures>;
}

/** The figures of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** By contestant, then by figure. */
export type Standings = Readonly<Record<string, Readonly<Record<string, Spread>>>>;

export interface ContestOptions {
  readonly rounds: number;
  /** Rounds before those that count: caches fill, code is compiled. */
  readonly warmUps?: number;
}

/** Lets all contestants do the work in turn, round after round, so that a noisy moment of the machine meets them all alike. */
export async function hold(
  contestants: readonly Contestant[],
  { rounds, warmUps = 1 }: ContestOptions,
): Promise<Standings> {
  const all = new Map<string, Figures[]>(contestants.map(({ name }) => [name, []]));
  for (let round = 1 - warmUps; round <= rounds; round++) {
    for (const { name, round: work } of inTurn(contestants, round)) {
      const figures = await work();
      console.log(`${round > 0 ? `round ${round}` : 'warm-up'}: ${name}: ${inWords(figures)}`);
      if (round > 0) all.get(name)!.push(figures);
    }
  }
  return Object.fromEntries([...all].map(([name, figures]) => [name, spreads(figures)]));
}

/** The figures of several contests, by contestant. */
export function merged(...contests: readonly Standings[]): Standings {
  const names = new Set(contests.flatMap((standings) => Object.keys(standings)));
  return Object.fromEntries(
    [...names].map((name) => [name, Object.assign({}, ...contests.map((standings) => standings[name]))]),
  );
}

/** Another begins each round, so that nobody always follows the same one. */
function inTurn(contestants: readonly Contestant[], round: number): readonly Contestant[] {
  const first = Math.abs(round) % contestants.length;
  return [...contestants.slice(first), ...contestants.slice(0, first)];
}

function spreads(rounds: readonly Figures[]): Record<string, Spread> {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((figures) => figures[name]!);
      return [name, { median: median(values), min: Math.min(...values), max: Math.max(...values) }];
    }),
  );
}

function inWords(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toLocaleString('en')}`)
    .join(', ');
}
