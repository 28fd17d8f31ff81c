/** A source of randomness, taken as an argument wherever chance is needed, so that tests and the simulator can seed it. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** Fills `bytes` in place with random bytes; ids come from here, so in production they must not be guessable. */
  fill(bytes: Uint8Array): void;
}
