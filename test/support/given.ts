import { parseArgs } from 'node:util';

/** The options of a command as they were given, or else by default. */
export class Given {
  readonly #values: Readonly<Record<string, string>>;

  /** `defaults` has every option that there is. Throws what parseArgs throws for others. */
  constructor(args: readonly string[], defaults: Readonly<Record<string, string>>) {
    const options = Object.fromEntries(
      Object.entries(defaults).map(([name, preset]) => [name, { type: 'string' as const, default: preset }]),
    );
    this.#values = parseArgs({ args: [...args], options }).values as Record<string, string>;
  }

  number(name: string): number {
    const value = Number(this.text(name));
    if (Number.isFinite(value) && value > 0) return value;
    throw new RangeError(`--${name} must be a number above 0`);
  }

  /** A number of seconds, in milliseconds. */
  seconds(name: string): number {
    return this.number(name) * 1_000;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = choices.find((choice) => choice === this.text(name));
    if (value !== undefined) return value;
    throw new RangeError(`--${name} must be one of ${choices.join(', ')}`);
  }

  text(name: string): string {
    const value = this.#values[name];
    if (value === undefined) throw new Error(`there is no option ${name}`);
    return value;
  }
}
