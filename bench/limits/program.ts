// What the programs beside have in common, which a bench starts as processes of their own.

export const loopback = '127.0.0.1';

/** Says where the program listens, for whoever started it. */
export function ready(url: string): void {
  console.log(`ready ${url}`);
}
